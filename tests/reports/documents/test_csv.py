"""Reports as CSV, read by a spreadsheet and by a program."""

import csv
from datetime import datetime, timedelta, timezone
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from myapp.reports.documents.content import Column, Table
from myapp.reports.documents.csv import FORMULA, UNWRITABLE, write_csv

from .samples import COLUMNS, inventory, product

TEXT = Column("Text")
DANGEROUS = ("=", "+", "-", "@", "\t", "\r", "＝", "＋", "－", "＠")  # noqa: RUF001


def written(path: Path, columns: list[Column], *rows: Any) -> list[list[str]]:
    file = path / "report.csv"
    write_csv(inventory([], tables=[Table("t", columns, rows)]), file, lambda rows: None)
    with file.open(encoding="utf-8-sig", newline="") as lines:
        return list(csv.reader(lines))[1:]


def one_cell(path: Path, column: Column, value: Any) -> str:
    (cells,) = written(path, [Column("a"), column], ("x", value))
    return cells[1]


def unguarded(cell: str) -> str:
    """Remove the apostrophe in front, as a reader must do to get the text back."""
    return cell[1:] if cell.startswith("'") and FORMULA.match(cell[1:]) else cell


class TestFile:
    def test_is_what_rfc_4180_and_excel_expect(self, tmp_path: Path) -> None:
        rows = [product(1, 'Desk "Oak", large', "two\nlines"), product(2, "Größe Καρέκλα 椅子 😀")]
        write_csv(inventory(rows), tmp_path / "report.csv", lambda rows: None)
        assert (tmp_path / "report.csv").read_bytes() == (
            "\ufeffID,Name,Description,Price,Stock,Updated\r\n"
            '1,"Desk ""Oak"", large","two\nlines",19.90,7,2026-11-23T12:01:00Z\r\n'
            "2,Größe Καρέκλα 椅子 😀,,19.90,7,2026-11-23T12:02:00Z\r\n"
        ).encode()

    def test_holds_the_first_table(self, tmp_path: Path) -> None:
        low = Table("Low stock", [TEXT], [("Chair",)])
        content = inventory([], tables=[Table("Products", COLUMNS, [product(1)]), low])
        write_csv(content, tmp_path / "report.csv", lambda rows: None)
        assert len((tmp_path / "report.csv").read_text(encoding="utf-8").splitlines()) == 2

    def test_of_an_empty_table_has_a_header(self, tmp_path: Path) -> None:
        counts: list[int] = []
        write_csv(inventory([]), tmp_path / "report.csv", counts.append)
        assert (tmp_path / "report.csv").read_text(encoding="utf-8-sig") == "ID,Name,Description,Price,Stock,Updated\n"
        assert counts == [0]

    def test_tells_its_progress(self, tmp_path: Path) -> None:
        counts: list[int] = []
        write_csv(inventory(map(product, range(1200))), tmp_path / "report.csv", counts.append)
        assert counts == [500, 1000, 1200]

    def test_stops_where_it_is_told_to(self, tmp_path: Path) -> None:
        def stop(rows: int) -> None:
            raise InterruptedError

        with pytest.raises(InterruptedError):
            write_csv(inventory(map(product, range(10**9))), tmp_path / "report.csv", stop)
        assert (tmp_path / "report.csv").exists()


class TestCells:
    @pytest.mark.parametrize(
        ("kind", "value", "cell"),
        [
            ("text", None, ""),
            ("text", "Lamp", "Lamp"),
            ("text", "", ""),
            ("integer", -5, "-5"),
            ("integer", 2**63, "9223372036854775808"),
            ("money", Decimal("-0.5"), "-0.50"),
            ("money", Decimal("1E+9"), "1000000000.00"),
            ("moment", datetime(2026, 1, 1, 1, tzinfo=timezone(timedelta(hours=2))), "2025-12-31T23:00:00Z"),
            ("text", True, "true"),
            ("text", "a\x00b\ud800", "a\ufffdb\ufffd"),
        ],
    )
    def test_hold_a_value(self, tmp_path: Path, kind: Any, value: Any, cell: str) -> None:
        assert one_cell(tmp_path, Column("x", kind), value) == cell

    @pytest.mark.parametrize("before", ["", " ", "\n", "'", '"', " \xa0'"])
    @pytest.mark.parametrize("sign", DANGEROUS)
    def test_are_no_formulas(self, tmp_path: Path, before: str, sign: str) -> None:
        text = f"{before}{sign}1+cmd|' /C calc'!A0"
        assert one_cell(tmp_path, TEXT, text) == f"'{text}"

    @pytest.mark.parametrize("text", ["-5", "+49 30 1234", "@home", "=1"])
    def test_of_text_are_text_even_where_they_look_like_numbers(self, tmp_path: Path, text: str) -> None:
        assert one_cell(tmp_path, Column("x", "integer"), text) == f"'{text}"

    def test_of_the_header_are_guarded_too(self, tmp_path: Path) -> None:
        write_csv(inventory([], tables=[Table("t", [Column("=1")], [])]), tmp_path / "report.csv", lambda rows: None)
        assert (tmp_path / "report.csv").read_text(encoding="utf-8-sig") == "'=1\n"

    @settings(max_examples=200)
    @given(rows=st.lists(st.tuples(st.text() | st.text("=+-@'\" \t\r\n,;", max_size=6), st.integers()), max_size=5))
    def test_come_back(self, tmp_path: Path, rows: list[tuple[str, int]]) -> None:
        read = written(tmp_path, [TEXT, Column("Number", "integer")], *rows)
        assert [(unguarded(text), int(number)) for text, number in read] == [
            (UNWRITABLE.sub("\ufffd", text), number) for text, number in rows
        ]
        assert not any(FORMULA.match(text) and not text.startswith("'") for text, _ in read)
