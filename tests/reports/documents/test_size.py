"""The memory of a large report, measured in a separate process. Its time is in ``benchmarks/report.py``."""

import json
import resource
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from myapp.boot import ROOT
from myapp.reports.making import load_writer

from .samples import inventory, product

ROWS = 100_000


@pytest.mark.slow
@pytest.mark.usefixtures("without_coverage")
@pytest.mark.parametrize(
    ("suffix", "language"),
    [("pdf", "german"), ("pdf", "arabic"), ("pdf", "hindi"), ("pdf", "chinese"), ("csv", "german"), ("xlsx", "german")],
)
def test_a_hundred_thousand_rows(tmp_path: Path, suffix: str, language: str) -> None:
    command = [sys.executable, "-m", "tests.reports.documents.test_size", str(tmp_path / f"report.{suffix}"), language]
    measured = json.loads(subprocess.run(command, cwd=ROOT, check=True, capture_output=True).stdout)
    assert measured["rows"] == ROWS
    assert measured["peak_mb"] < 400


TEXTS = {
    "german": ("Καρέκλα {} Größe XL", "Eiche massiv, zweimal geölt, mit drei Schubladen und einer Lampe."),
    "arabic": ("كرسي مكتب {} كبير", "كرسي من خشب البلوط الصلب، مدهون مرتين بالزيت، مع ثلاثة أدراج ومصباح."),
    "hindi": ("कुर्सी {} बड़ी", "ठोस ओक की लकड़ी, दो बार तेल लगाया हुआ, तीन दराज और एक दीपक के साथ।"),
    "chinese": ("办公椅 {} 大号", "实心橡木, 上油两次, 带三个抽屉和一盏灯, 适合家庭和办公室使用。"),
}


def rows(language: str) -> Iterator[Any]:
    name, description = TEXTS[language]
    for number in range(1, ROWS + 1):
        yield product(number, name.format(number), description)


def main(path: Path, language: str) -> None:
    counts: list[int] = []
    load_writer(path.suffix[1:])(inventory(rows(language)), path, counts.append)
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    print(json.dumps({"rows": counts[-1], "peak_mb": round(peak)}))


if __name__ == "__main__":
    main(Path(sys.argv[1]), sys.argv[2])
