"""Reports as CSV, read by a spreadsheet and by a program."""

import csv
import re
import shutil
import subprocess
import unicodedata
from datetime import datetime, timedelta, timezone
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from myapp.boot import ROOT
from myapp.reports.documents.content import Column, Table
from myapp.reports.documents.csv import SKIPPED, UNWRITABLE, write_csv

from .samples import COLUMNS, inventory, product

TEXT = Column("Text")
DANGEROUS = ("=", "+", "-", "@", "\t", "\r", "＝", "＋", "－", "＠", "−", "﹢")  # noqa: RUF001
SEPARATORS = (",", ";", "\t")
HOSTILE = st.text("=+-@＝−'\"\t\r\n\v\u2028,; \u200b1x", max_size=9)  # noqa: RUF001


def written(path: Path, columns: list[Column], *rows: Any) -> list[list[str]]:
    file = path / "report.csv"
    write_csv(inventory([], tables=[Table("t", columns, rows)]), file, lambda rows: None)
    with file.open(encoding="utf-8-sig", newline="") as lines:
        return list(csv.reader(lines))[1:]


def one_cell(path: Path, column: Column, value: Any) -> str:
    (cells,) = written(path, [Column("a"), column], ("x", value))
    return cells[1]


RULE = re.search(r're\.sub\(r"(.+)", r"(.+)", text\)', (ROOT / "docs" / "api.md").read_text(encoding="utf-8"))
"""How a reader gets a text back, as docs/api.md says."""


def unguarded(cell: str) -> str:
    assert RULE
    return re.sub(RULE[1], RULE[2], cell)


def begins_formula(cell: str) -> bool:
    """Return whether a spreadsheet may compute ``cell``, also if it skips what cannot be seen."""
    seen = re.sub(rf"\A(?:(?!')[{SKIPPED}])*", "", cell)
    return cell[:1] == "\n" or unicodedata.normalize("NFKC", seen)[:1] in tuple("=+-@−\t\r")  # noqa: RUF001


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

    @pytest.mark.parametrize("before", ["", " ", "'", '"', " \xa0'", "\ufeff", "\u200b\u2060"])
    @pytest.mark.parametrize("sign", DANGEROUS)
    def test_are_no_formulas(self, tmp_path: Path, before: str, sign: str) -> None:
        text = f"{before}{sign}1+cmd|' /C calc'!A0"
        cell = one_cell(tmp_path, TEXT, text)
        assert cell == f"'{text}"
        assert unguarded(cell) == text

    @pytest.mark.parametrize(
        ("text", "cell"),
        [
            ("Kabel;=1+41;rot", "Kabel;'=1+41;rot"),
            ('a;"=1', "a;'\"=1"),
            ("a\n=1", "a\n'=1"),
            ("a\r\n = 1", "a\r\n' = 1"),
            ("a\u2028＝1", "a\u2028'＝1"),  # noqa: RUF001
            ("a\x85@1", "a\x85'@1"),
            ("a\v-1", "a\v'-1"),
            ("ends;", "ends;'"),
            ("'s-Hertogenbosch", "''s-Hertogenbosch"),
            ("1 = 2, 3 - 4; x\n\ny", "1 = 2, 3 - 4; x\n\ny"),
        ],
    )
    def test_are_guarded_within(self, tmp_path: Path, text: str, cell: str) -> None:
        assert one_cell(tmp_path, TEXT, text) == cell
        assert unguarded(cell) == text

    def test_know_every_form_of_a_sign(self, tmp_path: Path) -> None:
        """Spreadsheets fold compatibility forms, such as full-width ones."""
        forms = [
            chr(code)
            for code in range(0x110000)
            if not 0xD800 <= code <= 0xDFFF and unicodedata.normalize("NFKC", chr(code))[0] in "=+-@−"  # noqa: RUF001
        ]
        assert len(forms) > 20
        for form in forms:
            assert one_cell(tmp_path, TEXT, f"{form}1") == f"'{form}1"

    @pytest.mark.parametrize("text", ["-5", "+49 30 1234", "@home", "=1"])
    def test_of_text_are_text_even_where_they_look_like_numbers(self, tmp_path: Path, text: str) -> None:
        assert one_cell(tmp_path, Column("x", "integer"), text) == f"'{text}"

    def test_of_the_header_are_guarded_too(self, tmp_path: Path) -> None:
        write_csv(inventory([], tables=[Table("t", [Column("=1")], [])]), tmp_path / "report.csv", lambda rows: None)
        assert (tmp_path / "report.csv").read_text(encoding="utf-8-sig") == "'=1\n"

    @settings(max_examples=200)
    @given(rows=st.lists(st.tuples(st.text() | HOSTILE, st.integers()), max_size=5))
    def test_come_back(self, tmp_path: Path, rows: list[tuple[str, int]]) -> None:
        read = written(tmp_path, [TEXT, Column("Number", "integer")], *rows)
        assert [(unguarded(text), int(number)) for text, number in read] == [
            (UNWRITABLE.sub("\ufffd", text), number) for text, number in rows
        ]

    @settings(max_examples=300)
    @given(rows=st.lists(st.tuples(HOSTILE, st.integers(0, 9), HOSTILE, HOSTILE), min_size=1, max_size=4))
    def test_begin_no_formula_for_any_separator(self, tmp_path: Path, rows: list[tuple[str, int, str, str]]) -> None:
        columns = [TEXT, Column("Number", "integer"), TEXT, TEXT]
        write_csv(inventory([], tables=[Table("t", columns, rows)]), tmp_path / "any.csv", lambda rows: None)
        for separator in SEPARATORS:
            with (tmp_path / "any.csv").open(encoding="utf-8-sig", newline="") as lines:
                cells = [cell for row in csv.reader(lines, delimiter=separator) for cell in row]
            assert not [cell for cell in cells if begins_formula(cell)], separator


@pytest.mark.slow
@pytest.mark.skipif(not shutil.which("soffice"), reason="LibreOffice is not installed")
@pytest.mark.parametrize("separator", SEPARATORS)
def test_libreoffice_computes_nothing(tmp_path: Path, separator: str) -> None:
    """It imports the file with the option to evaluate formulas, and exports what it shows."""
    texts = [
        f"{before}{sign}1+41{after}"
        for before in ("", "x;", 'x;"', "x\t", "x\n", " ")
        for sign in DANGEROUS
        for after in ("", ";x", '"')
    ]
    rows = [(text, number, text, "end") for number, text in enumerate(texts)]
    columns = [TEXT, Column("Number", "integer"), TEXT, TEXT]
    write_csv(inventory([], tables=[Table("t", columns, rows)]), tmp_path / "report.csv", lambda rows: None)
    # Separator, quotation mark, UTF-8, first line, no column formats, language, no quoted text, detect numbers,
    # save as shown, no formulas, no trimmed spaces, all sheets, evaluate formulas.
    options = f"{ord(separator)},34,76,1,,0,false,true,true,false,false,-1,true"
    command = ["soffice", f"-env:UserInstallation=file://{tmp_path}/profile", "--headless", f"--infilter=CSV:{options}"]
    command += ["--convert-to", "fods", "--outdir", str(tmp_path), str(tmp_path / "report.csv")]
    subprocess.run(command, check=True, capture_output=True, timeout=120)
    sheet = (tmp_path / "report.fods").read_text(encoding="utf-8")
    assert "1+41" in sheet
    assert "table:formula" not in sheet
