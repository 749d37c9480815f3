"""SIGHUP stops the worker and the relay as SIGTERM does. Under nohup they ignore it."""

import signal
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from ..processes import Process
from .conftest import Worker

pytestmark = [pytest.mark.slow, pytest.mark.one_database]


@pytest.fixture
def nohup() -> Iterator[None]:
    previous = signal.signal(signal.SIGHUP, signal.SIG_IGN)  # new processes inherit it
    yield
    signal.signal(signal.SIGHUP, previous)


@pytest.fixture
def relay(settings: dict[str, str], tmp_path: Path) -> Iterator[Process]:
    process = Process([sys.executable, "-m", "myapp.cli", "relay"], settings, tmp_path / "relay.log")
    deadline = time.monotonic() + 120
    while "the relay runs" not in process.output:
        assert process.running, process.output
        assert time.monotonic() < deadline, process.output
        time.sleep(0.05)
    yield process
    if process.running:
        process.kill()


class TestWorker:
    def test_stops(self, start_worker: Callable[..., Worker], settings: dict[str, str]) -> None:
        worker = start_worker(settings)
        for process in worker.pool:  # a terminal sends it to every process
            process.send_signal(signal.SIGHUP)
        worker.send(signal.SIGHUP)
        assert worker.wait(60) == 0
        assert "Restarting" not in worker.output
        assert "Traceback" not in worker.output
        assert "WorkerLostError" not in worker.output
        worker.assert_all_lines_have_utc()

    def test_ignores_it_under_nohup(
        self, nohup: None, start_worker: Callable[..., Worker], settings: dict[str, str]
    ) -> None:
        worker = start_worker(settings)
        worker.send(signal.SIGHUP)
        time.sleep(2)
        assert worker.running
        assert "Restarting" not in worker.output


class TestRelay:
    def test_stops(self, relay: Process) -> None:
        relay.send(signal.SIGHUP)
        assert relay.wait(60) == 0
        assert "the relay has ended" in relay.output
        relay.assert_all_lines_have_utc()

    def test_ignores_it_under_nohup(self, nohup: None, relay: Process) -> None:
        relay.send(signal.SIGHUP)
        time.sleep(2)
        assert relay.running
