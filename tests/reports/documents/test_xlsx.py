"""Reports as workbooks, read by another library and by LibreOffice."""

import shutil
import subprocess
from datetime import UTC, datetime, timedelta, timezone
from decimal import Decimal
from pathlib import Path
from typing import Any
from zipfile import ZipFile

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from openpyxl import Workbook, load_workbook
from openpyxl.utils.escape import unescape

from myapp.reports.documents import xlsx
from myapp.reports.documents.content import Column, Table
from myapp.reports.documents.xlsx import UNWRITABLE, write_xlsx

from .samples import inventory, product

TEXT = Column("Text")


def written(folder: Path, *tables: Table, **members: Any) -> Workbook:
    write_xlsx(inventory([], tables=tables, **members), folder / "report.xlsx", lambda rows: None)
    return load_workbook(folder / "report.xlsx")


def one_cell(folder: Path, column: Column, value: Any) -> Any:
    return written(folder, Table("t", [column], [(value,)])).worksheets[0]["A2"]


class TestSheets:
    def test_hold_a_table_each_and_the_facts(self, tmp_path: Path) -> None:
        low = Table("Low stock", [TEXT], [])
        book = written(tmp_path, Table("Products", [TEXT], [("Chair",), ("Desk",)]), low, title="Inventory")
        assert book.sheetnames == ["Products", "Low stock", "Summary"]
        assert [[cell.value for cell in row] for row in book["Products"]] == [["Text"], ["Chair"], ["Desk"]]
        assert [cell.value for row in book["Summary"] for cell in row] == [
            "Inventory",
            "All products",
            "Value of stock",
            "1,234.50",
        ]
        assert book.properties.title == "Inventory"

    def test_have_a_header_that_stays_and_columns_of_a_width(self, tmp_path: Path) -> None:
        sheet = written(tmp_path, Table("t", [TEXT, Column("When", "moment")], [])).worksheets[0]
        assert sheet.freeze_panes == "A2"
        assert [cell.value for cell in sheet[1]] == ["Text", "When (UTC)"]
        assert all(cell.font.bold for cell in sheet[1])
        assert sheet.column_dimensions["B"].width >= 20

    def test_go_on_where_one_is_full(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(xlsx, "MAX_ROWS", 3)
        book = written(tmp_path, Table("Products", [TEXT], [(str(number),) for number in range(7)]))
        assert book.sheetnames == ["Products", "Products (2)", "Products (3)", "Summary"]
        assert [row[0].value for sheet in book.worksheets[:3] for row in sheet.iter_rows(min_row=2)] == list("0123456")
        assert all(sheet["A1"].value == "Text" for sheet in book.worksheets[:3])

    @pytest.mark.parametrize(
        "title", ["", "  ", "'quoted'", "a/b:c*?[x]\\", "History", "Summary", "x" * 99, "\x00\ud800"]
    )
    def test_have_a_name_that_excel_takes(self, tmp_path: Path, title: str) -> None:
        names = written(tmp_path, Table(title, [TEXT], []), Table(title.upper(), [TEXT], [])).sheetnames
        assert len({name.casefold() for name in names}) == 3
        assert all(0 < len(name) <= 31 for name in names)

    def test_progress_and_stop(self, tmp_path: Path) -> None:
        counts: list[int] = []
        write_xlsx(inventory(map(product, range(1200))), tmp_path / "report.xlsx", counts.append)
        assert counts == [500, 1000, 1200]

        def stop(rows: int) -> None:
            raise InterruptedError

        with pytest.raises(InterruptedError):
            write_xlsx(inventory(map(product, range(10**9))), tmp_path / "report.xlsx", stop)


class TestCells:
    @pytest.mark.parametrize(
        ("kind", "value", "read", "number_format"),
        [
            ("integer", 1234567, 1234567, "#,##0"),
            ("integer", -5, -5, "#,##0"),
            ("id", 1034, 1034, "0"),
            ("money", Decimal("1234.5"), 1234.5, "#,##0.00"),
            ("money", Decimal("9999999999.99"), 9999999999.99, "#,##0.00"),
            ("money", Decimal("0.01"), 0.01, "#,##0.00"),
            (
                "moment",
                datetime(2026, 1, 1, 1, tzinfo=timezone(timedelta(hours=2))),
                datetime(2025, 12, 31, 23),
                "yyyy-mm-dd hh:mm:ss",
            ),
        ],
    )
    def test_of_numbers_and_times(self, tmp_path: Path, kind: Any, value: Any, read: Any, number_format: str) -> None:
        cell = one_cell(tmp_path, Column("x", kind), value)
        assert (cell.value, cell.number_format) == (read, number_format)
        assert cell.data_type == ("d" if kind == "moment" else "n")

    @pytest.mark.parametrize(
        "text",
        [
            "00123",
            "1E5",
            "1.50",
            "TRUE",
            "=1+1",
            "+49 30",
            "-5",
            "@x",
            "{=1}",
            "https://example.com",
            "mailto:a@b.c",
            "  x ",
            "2026-01-01",
        ],
    )
    def test_of_text_are_text(self, tmp_path: Path, text: str) -> None:
        cell = one_cell(tmp_path, TEXT, text)
        assert (cell.value, cell.data_type, cell.hyperlink) == (text, "s", None)

    @pytest.mark.parametrize(
        ("value", "read"),
        [(None, None), ("a\x00b\ud800", "a\ufffdb\ufffd"), ("x" * 40_000, "x" * 16_000), (True, "True")],
    )
    def test_of_what_a_cell_cannot_hold(self, tmp_path: Path, value: Any, read: Any) -> None:
        assert one_cell(tmp_path, TEXT, value).value == read

    @pytest.mark.parametrize("value", [float("nan"), float("inf"), datetime(1, 1, 1, tzinfo=UTC)])
    def test_of_what_excel_cannot_compute_with(self, tmp_path: Path, value: Any) -> None:
        assert one_cell(
            tmp_path, Column("x", "moment" if isinstance(value, datetime) else "money"), value
        ).value == str(value)

    @settings(max_examples=50)
    @given(text=st.text(st.characters(codec=None), min_size=1) | st.text("_x0041\r\n\t\x01&<>'\" ", min_size=1))
    @example("_x0041_")
    def test_come_back(self, tmp_path: Path, text: str) -> None:
        assert unescape(one_cell(tmp_path, TEXT, text).value) == UNWRITABLE.sub("\ufffd", text)


@pytest.mark.slow
@pytest.mark.skipif(not shutil.which("soffice"), reason="LibreOffice is not installed")
def test_libreoffice_opens_it(tmp_path: Path) -> None:
    write_xlsx(inventory([product(1, "00123", "=1+41")]), tmp_path / "report.xlsx", lambda rows: None)
    command = ["soffice", f"-env:UserInstallation=file://{tmp_path}/profile", "--headless", "--convert-to", "csv"]
    command += ["--outdir", str(tmp_path), str(tmp_path / "report.xlsx")]
    subprocess.run(command, check=True, capture_output=True, timeout=120)
    header, row = (tmp_path / "report.csv").read_text(encoding="utf-8").splitlines()
    assert header == "ID,Name,Description,Price,Stock,Updated (UTC)"
    assert row.split(",")[:3] == ["1", "00123", "=1+41"]


def test_holds_no_formula_and_no_link(tmp_path: Path) -> None:
    written(tmp_path, Table("t", [TEXT], [("=1+1",), ("https://example.com",)]))
    with ZipFile(tmp_path / "report.xlsx") as parts:
        sheet = parts.read("xl/worksheets/sheet1.xml").decode()
        assert "<f>" not in sheet
        assert not any("rels" in name and "sheet" in name for name in parts.namelist())
