"""Time and memory of a large report, measured in a separate process."""

import json
import resource
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from time import process_time
from typing import Any

import pytest

from myapp.boot import ROOT

from .samples import inventory, product

ROWS = 100_000


@pytest.mark.slow
@pytest.mark.parametrize("suffix", ["pdf", "csv"])
def test_a_hundred_thousand_rows(tmp_path: Path, suffix: str) -> None:
    """CPU seconds are compared, so that other load on the machine does not matter."""
    command = [sys.executable, "-m", "tests.reports.documents.test_size", str(tmp_path / f"report.{suffix}")]
    measured = json.loads(subprocess.run(command, cwd=ROOT, check=True, capture_output=True).stdout)
    assert measured["rows"] == ROWS
    assert measured["seconds"] < 60
    assert measured["peak_mb"] < 300


def rows() -> Iterator[Any]:
    for number in range(1, ROWS + 1):
        yield product(number, f"Καρέκλα {number} Größe XL", "Solid oak, oiled twice, with three drawers and a lamp.")


def main(path: Path) -> None:
    from myapp.reports.documents.csv import write_csv
    from myapp.reports.documents.pdf import write_pdf

    counts: list[int] = []
    start = process_time()
    (write_pdf if path.suffix == ".pdf" else write_csv)(inventory(rows()), path, counts.append)
    seconds, peak = process_time() - start, resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    print(json.dumps({"rows": counts[-1], "seconds": round(seconds, 1), "peak_mb": round(peak)}))


if __name__ == "__main__":
    main(Path(sys.argv[1]))
