"""Time and memory of a large report."""

import sys
from collections.abc import Callable
from pathlib import Path

import psutil
import pytest

from .conftest import Reports, Worker

ROWS = 100_000

pytestmark = [
    pytest.mark.slow,
    pytest.mark.usefixtures("without_coverage"),
    pytest.mark.skipif(sys.platform != "linux", reason="reads /proc"),
    pytest.mark.parametrize("database_kind", ["postgresql"]),
]


async def test_a_hundred_thousand_products(
    settings: dict[str, str], reports: Reports, start_worker: Callable[..., Worker]
) -> None:
    """The bounds are wide: it took some 20 seconds and 340 MB for all processes together when this was written."""
    await reports.fill(ROWS)
    worker = start_worker(settings)
    report = await reports.wait_until(await reports.request(), "done", "failed", seconds=120)
    assert (report.state, report.rows, report.attempts) == ("done", ROWS, 1)
    assert report.started_at
    assert report.finished_at
    assert (report.finished_at - report.started_at).total_seconds() < 60
    processes = [psutil.Process(worker.pid), *psutil.Process(worker.pid).children(recursive=True)]
    assert sum(peak_megabytes(process.pid) for process in processes) < 400


def peak_megabytes(pid: int) -> int:
    lines = Path(f"/proc/{pid}/status").read_text(encoding="utf-8").splitlines()
    peak = next(line for line in lines if line.startswith("VmHWM:"))
    return int(peak.split()[1]) * 1024 // 1_000_000
