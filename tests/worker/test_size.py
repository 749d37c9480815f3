"""The memory of a large report. Its time is in ``benchmarks/report.py``."""

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
    """The bound is wide: all processes together took some 340 MB when this was written."""
    await reports.fill(ROWS)
    worker = start_worker(settings)
    report = await reports.wait_until(await reports.request(), "done", "failed", seconds=300)
    assert (report.state, report.rows, report.attempts) == ("done", ROWS, 1)
    processes = [psutil.Process(worker.pid), *psutil.Process(worker.pid).children(recursive=True)]
    assert sum(peak_megabytes(process.pid) for process in processes) < 400


def peak_megabytes(pid: int) -> int:
    lines = Path(f"/proc/{pid}/status").read_text(encoding="utf-8").splitlines()
    peak = next(line for line in lines if line.startswith("VmHWM:"))
    return int(peak.split()[1]) * 1024 // 1_000_000
