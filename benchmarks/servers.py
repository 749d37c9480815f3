"""A server process: start, wait, measure, stop."""

import os
import socket
import subprocess
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from types import TracebackType
from typing import Self

import httpx
import psutil

ROOT = Path(__file__).parents[1]
START_LIMIT = 30.0


class Server:
    def __init__(
        self, name: str, command: Sequence[str], environment: Mapping[str, str], port: int, health: str, folder: Path
    ) -> None:
        self.name, self.command, self.environment = name, command, environment
        self.url = f"http://127.0.0.1:{port}"
        self.health = self.url + health
        self.log = folder / f"{name}-{port}.log"

    def __enter__(self) -> Self:
        with self.log.open("ab") as log:
            self.process = subprocess.Popen(
                self.command,
                cwd=ROOT,
                env={**os.environ, **self.environment},
                stdout=log,
                stderr=subprocess.STDOUT,
            )
        try:
            self.wait_until_healthy()
        except BaseException:
            self.stop()
            raise
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self.stop()

    def wait_until_healthy(self) -> None:
        deadline = time.monotonic() + START_LIMIT
        with httpx.Client(timeout=1, trust_env=False) as client:
            while time.monotonic() < deadline and self.process.poll() is None:
                try:
                    if client.get(self.health).status_code == 200:
                        return
                except httpx.TransportError:
                    time.sleep(0.005)
        raise SystemExit(f"{self.name} does not answer {self.health}:\n{self.last_lines()}")

    def stop(self) -> None:
        self.process.terminate()
        try:
            self.process.wait(10)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()

    def last_lines(self, count: int = 20) -> str:
        return "\n".join(self.log.read_text(errors="replace").splitlines()[-count:])

    def processes(self) -> list[psutil.Process]:
        parent = psutil.Process(self.process.pid)
        return [parent, *parent.children(recursive=True)]

    def cpu_seconds(self) -> float:
        times = [process.cpu_times() for process in self.processes()]
        return float(sum(spent.user + spent.system for spent in times))

    def resident_bytes(self) -> int:
        return sum(process.memory_info().rss for process in self.processes())


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])
