"""Real server processes: ``uvicorn main:app`` as an operator runs it."""

import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path

import httpx

from myapp.boot import ROOT, SECTIONS

from .databases import BUSY_MACHINE, free_port

LEVEL = re.compile(r" (DEBUG|INFO|WARNING|ERROR|CRITICAL) ")
LINE = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z [A-Z]+ ")

LIVENESS = "/api/v1/health"


class Process:
    """A running command. Its output goes to a file, because a pipe could fill up."""

    def __init__(self, command: Sequence[str], environment: Mapping[str, str], output: Path, cwd: Path = ROOT) -> None:
        self._output = output
        with output.open("wb") as file:
            self._process = subprocess.Popen(
                command, cwd=cwd, env=clean_environment() | BUSY_MACHINE | dict(environment), stdout=file, stderr=file
            )

    @property
    def output(self) -> str:
        return self._output.read_text(encoding="utf-8", errors="replace")

    def assert_all_lines_have_utc(self) -> None:
        """Check that each log line begins with a time in UTC, whichever library wrote it."""
        lines = [line for line in self.output.splitlines() if LEVEL.search(line)]
        assert lines
        assert [line for line in lines if not LINE.match(line)] == []

    @property
    def running(self) -> bool:
        return self._process.poll() is None

    @property
    def pid(self) -> int:
        return self._process.pid

    def wait(self, seconds: float = 60) -> int:
        """Wait for the process to end and return its exit code."""
        return self._process.wait(seconds)

    def terminate(self) -> None:
        """Ask the process to end (SIGTERM)."""
        self.send(signal.SIGTERM)

    def send(self, number: signal.Signals) -> None:
        self._process.send_signal(number)

    def kill(self) -> None:
        """End the process at once (SIGKILL)."""
        self._process.kill()
        self._process.wait()


class Server(Process):
    """``uvicorn main:app`` on its own port. ``options`` are those of uvicorn."""

    def __init__(
        self, environment: Mapping[str, str], output: Path, *options: str, cwd: Path = ROOT, port: int | None = None
    ) -> None:
        self.port = port or free_port()
        self.url = f"http://127.0.0.1:{self.port}"
        command = [sys.executable, "-m", "uvicorn", "main:app", "--host", "127.0.0.1", "--port", str(self.port)]
        super().__init__([*command, *options], environment, output, cwd)

    def wait_until_it_serves(self, seconds: float = 60) -> "Server":
        deadline = time.monotonic() + seconds
        while time.monotonic() < deadline:
            assert self.running, self.output
            try:
                if httpx.get(self.url + LIVENESS, trust_env=False).status_code == 200:
                    return self
            except httpx.TransportError:
                time.sleep(0.05)
        raise TimeoutError(self.output)


@contextmanager
def serving(environment: Mapping[str, str], output: Path, *options: str, cwd: Path = ROOT) -> Iterator[Server]:
    """Run a server during the block. It is ready at the beginning and has ended at the end."""
    server = Server(environment, output, *options, cwd=cwd)
    try:
        yield server.wait_until_it_serves()
        if server.running:
            server.terminate()
            server.wait()
    finally:
        if server.running:
            server.kill()


def clean_environment() -> dict[str, str]:
    """Return the environment without variables that would be settings of the application."""
    return {name: value for name, value in os.environ.items() if name.lower().partition("__")[0] not in SECTIONS}
