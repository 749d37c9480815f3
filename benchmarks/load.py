"""Runs one round of load with wrk."""

import os
import re
import shutil
import subprocess
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

SCRIPTS = Path(__file__).parent / "wrk"


@dataclass(frozen=True)
class Round:
    requests: int
    per_second: float
    refused: int
    """Answers with a status of 400 or higher."""
    broken: int
    """Requests without an answer: connect, read, write and timeout errors."""


def require_wrk() -> None:
    if shutil.which("wrk") is None:
        raise SystemExit("wrk is not installed: apt-get install wrk, or brew install wrk.")


def run(
    url: str, seconds: float, connections: int, headers: Mapping[str, str], script: str | None = None, rows: int = 0
) -> Round:
    command = ["wrk", "--threads", "1", "--connections", str(connections), "--duration", f"{seconds:g}s"]
    command += ["--timeout", "10s"]
    for name, value in headers.items():
        command += ["--header", f"{name}: {value}"]
    if script is not None:
        command += ["--script", str(SCRIPTS / script)]
    environment = {**os.environ, "ROWS": str(rows)}
    return parse(subprocess.run([*command, url], env=environment, check=True, capture_output=True, text=True).stdout)


def parse(report: str) -> Round:
    socket_errors = re.search(r"Socket errors: connect (\d+), read (\d+), write (\d+), timeout (\d+)", report)
    return Round(
        requests=int(number(r"(\d+) requests in", report)),
        per_second=number(r"Requests/sec:\s+([\d.]+)", report),
        refused=int(number(r"Non-2xx or 3xx responses: (\d+)", report)),
        broken=sum(int(count) for count in socket_errors.groups()) if socket_errors else 0,
    )


def number(pattern: str, report: str) -> float:
    found = re.search(pattern, report)
    return float(found[1]) if found else 0.0
