"""python -m benchmarks.report: time and memory of a worker that makes a report of many products."""

import os
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path
from typing import Any

import httpx
import psutil

from benchmarks import services
from benchmarks.servers import ROOT
from benchmarks.stage import arguments, prepare
from benchmarks.start_and_memory import MEGABYTE, report

REPORTS = "/api/v1/reports/"
START_LIMIT = 60.0
LIMITS = {"pdf": 60.0, "csv": 60.0}
MEMORY_LIMIT = 400.0


def shared_places(folder: Path) -> dict[str, str]:
    """Return the settings for the messages and files that the API and the worker share."""
    names = {"CELERY__BROKER_URL": "broker.db", "STORAGE__URL": "files", "MAIL__FOLDER": "mail"}
    return {key: str(folder / name) for key, name in names.items()}


@contextmanager
def worker(settings: dict[str, str], folder: Path) -> Iterator[psutil.Process]:
    log = folder / "worker.log"
    with log.open("wb") as sink:
        command = [*services.PRODUCTS_API, "worker"]
        process = subprocess.Popen(command, cwd=ROOT, env={**os.environ, **settings}, stdout=sink, stderr=sink)
    try:
        deadline = time.monotonic() + START_LIMIT
        while " ready." not in log.read_text(errors="replace"):
            if process.poll() is not None or time.monotonic() > deadline:
                raise SystemExit(f"The worker does not start:\n{log.read_text(errors='replace')}")
            time.sleep(0.1)
        yield psutil.Process(process.pid)
    finally:
        process.terminate()
        process.wait()


def make(client: httpx.Client, format: str) -> dict[str, Any]:
    """Request a report, wait until it is done, and return it."""
    asked = client.post(REPORTS, json={"kind": "inventory", "format": format}).raise_for_status()
    while (seen := client.get(asked.headers["Location"]).raise_for_status().json())["state"] in ("queued", "running"):
        time.sleep(0.2)
    if seen["state"] != "done":
        raise SystemExit(f"The report {seen['state']}: {seen['error']}")
    made: dict[str, Any] = seen
    return made


def seconds(made: dict[str, Any]) -> float:
    begin, end = (datetime.fromisoformat(made[name]) for name in ("started_at", "finished_at"))
    return (end - begin).total_seconds()


def peak_memory(process: psutil.Process) -> int:
    """Return the highest memory of the process in bytes. Only Linux provides it."""
    lines = Path(f"/proc/{process.pid}/status").read_text().splitlines()
    return int(next(line for line in lines if line.startswith("VmHWM:")).split()[1]) * 1024


def main() -> None:
    options = arguments("Time and memory of large reports.").parse_args()
    with prepare(options.database_url) as stage, stage.catalogue(options.rows) as settings:
        settings |= shared_places(stage.folder)
        headers = {"Authorization": f"Bearer {stage.issuer.token()}"}
        for format, limit in LIMITS.items():
            with (
                services.products_api(settings, stage.folder) as api,
                worker(settings, stage.folder) as main_process,
                httpx.Client(base_url=api.url, headers=headers, timeout=30, trust_env=False) as client,
            ):
                made = make(client, format)
                held = sum(peak_memory(process) for process in (main_process, *main_process.children(recursive=True)))
            rows, size = made["rows"], made["size"] / MEGABYTE
            report(f"{format.upper()} of {rows:,} products, {size:.1f} MB", seconds(made), limit, "s")
            report("highest memory of all worker processes", held / MEGABYTE, MEMORY_LIMIT, "MB")


if __name__ == "__main__":
    main()
