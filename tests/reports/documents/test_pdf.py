"""Reports as PDF, read by another library."""

import shutil
import subprocess
import unicodedata
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime, timedelta, timezone
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from pypdf import PdfReader

from myapp.reports.documents.content import Chart, Column, ReportContent, Table
from myapp.reports.documents.pdf import write_pdf
from myapp.reports.documents.typeface import REPLACEMENT

from .samples import COLUMNS, inventory, product

Write = Callable[[ReportContent], list[str]]


@pytest.fixture
def write(tmp_path: Path) -> Write:
    """Write a content as PDF and return the text of each page."""

    def write_one(content: ReportContent) -> list[str]:
        write_pdf(content, tmp_path / "report.pdf", lambda rows: None)
        return pages_of(tmp_path / "report.pdf")

    return write_one


def pages_of(path: Path) -> list[str]:
    return [page.extract_text() for page in PdfReader(path).pages]


def content_with(text: str) -> ReportContent:
    """Return a content with ``text`` in every place for text."""
    return ReportContent(
        title=text,
        subtitle=text,
        facts=[(text, text)],
        charts=[Chart(text, [text, text], [1, 2])],
        tables=[Table(text, [Column(text), Column(text, weight=0.2)], [(text, text)])],
    )


class TestPages:
    def test_begin_with_a_title_page(self, write: Write) -> None:
        title, *_ = write(inventory([product(1)]))
        for expected in ("Inventory", "All products", "Value of stock", "1,234.50", "Stock", "low", "3", "4.50"):
            assert expected in title

    def test_are_numbered(self, write: Write) -> None:
        pages = write(inventory(map(product, range(1, 201))))
        assert len(pages) > 4
        for number, page in enumerate(pages, 1):
            assert f"Page {number} of {len(pages)}" in " ".join(page.split())

    def test_repeat_a_tables_header_and_lose_no_row(self, write: Write) -> None:
        _, *pages = write(inventory(product(number, f"Lamp-{number:04}") for number in range(1, 201)))
        assert all("Updated" in page for page in pages)
        assert [word for page in pages for word in page.split() if word.startswith("Lamp-")] == [
            f"Lamp-{number:04}" for number in range(1, 201)
        ]

    def test_hold_further_tables_and_empty_ones(self, write: Write) -> None:
        low = Table("Low stock", [Column("Name"), Column("Stock", "integer")], [("Chair", 0)])
        pages = write(inventory([product(1)], tables=[Table("Products", COLUMNS, []), low]))
        assert "There are none." in pages[1]
        assert "Low stock" in pages[1]
        assert "Chair" in pages[1]

    def test_have_an_outline(self, tmp_path: Path) -> None:
        write_pdf(inventory([product(1)]), tmp_path / "report.pdf", lambda rows: None)
        reader = PdfReader(tmp_path / "report.pdf")
        assert [entry.title for entry in reader.outline] == ["Stock", "Products"]  # type: ignore[union-attr]
        assert reader.metadata
        assert reader.metadata.title == "Inventory"

    def test_of_a_report_that_says_nothing(self, write: Write) -> None:
        assert len(write(ReportContent("", "", charts=[Chart("", [], [])]))) == 1

    def test_of_more_facts_and_charts_than_fit(self, write: Write) -> None:
        facts = [(f"Fact {number}", "so it is " * 30) for number in range(30)]
        charts = [Chart(f"Chart {number}", [f"{day}" for day in range(60)], range(60)) for number in range(6)]
        text = " ".join(write(inventory([], facts=facts, charts=charts)))
        assert all(f"Fact {number}" in text for number in range(30))
        assert all(f"Chart {number}" in text for number in range(6))


class TestCells:
    @pytest.mark.parametrize(
        ("column", "value", "shown"),
        [
            (Column("x", "integer"), 1234567, "1,234,567"),
            (Column("x", "id"), 1234567, "1234567"),
            (Column("x", "integer"), -5, "-5"),
            (Column("x", "money"), Decimal("1234.5"), "1,234.50"),
            (Column("x", "money"), Decimal("9999999999.99"), "9,999,999,999.99"),
            (
                Column("x", "moment"),
                datetime(2026, 11, 23, 1, 30, tzinfo=timezone(timedelta(hours=2))),
                "2026-11-22 23:30",
            ),
            (Column("x"), True, "True"),
            (Column("x"), "<b>Lamp</b> & &amp; %s {0}", "<b>Lamp</b> & &amp; %s {0}"),
            (Column("x"), "Καρέκλα", "Καρέκλα"),
            (Column("x"), "Стол Їжак", "Стол Їжак"),
            (Column("x"), "Größe Łódź Ñandú šťastný İstanbul", "Größe Łódź Ñandú šťastný İstanbul"),
            (Column("x"), "e\u0301", "é"),
            (Column("x"), "two\r\nlines\tand a tab", "two  lines and a tab"),
            (Column("x"), "椅子", "椅子"),
            (Column("x"), "😀\x00\x07\ud800\uffff", "😀" + REPLACEMENT * 4),
            (Column("x"), "\ue000", REPLACEMENT),
            (Column("x"), "กาแฟ ผึ้ง", "กาแฟ ผึ้ง"),
        ],
    )
    def test_show_a_value(self, write: Write, column: Column, value: Any, shown: str) -> None:
        _, page = write(inventory([], tables=[Table("t", [column], [(value,), (None,)])]))
        assert shown in page

    @pytest.mark.parametrize(
        "text",
        [
            "Größe Łódź ñandú Việt",
            "Καρέκλα ξύλινη",
            "Стол Їжак ґ",
            "قهوة عربية می‌خواهم چائے",
            "קפה שחור שָׁלוֹם",
            "กาแฟดำ น้ำผึ้ง",
            "हिन्दी क्षत्रिय कुर्सी",
            "中文椅子，「大」、繁體",  # noqa: RUF001
            "日本語のテーブル",
            "한국어 의자",
            "বাংলা தமிழ் తెలుగు",
            "ქართული Հայերեն አማርኛ ខ្មែរ မြန်မာ",
        ],
    )
    def test_draw_every_script(self, write: Write, text: str) -> None:
        shown = "".join(write(content_with(text)))
        assert not any(letter == REPLACEMENT or unicodedata.category(letter) == "Co" for letter in shown)

    @pytest.mark.skipif(not shutil.which("pdftotext"), reason="poppler is not installed")
    @pytest.mark.parametrize("text", ["กาแฟดำ น้ำผึ้ง", "हिन्दी क्षत्रिय कुर्सी", "தமிழ் நாற்காலி", "قهوة عربية", "קפה (12) חם"])
    def test_can_be_copied(self, tmp_path: Path, text: str) -> None:
        write_pdf(inventory([product(1, text)]), tmp_path / "report.pdf", lambda rows: None)
        command = ["pdftotext", "-raw", str(tmp_path / "report.pdf"), "-"]
        copied = subprocess.run(command, check=True, capture_output=True, text=True).stdout
        words = unicodedata.normalize("NFKC", copied.translate(dict.fromkeys(range(0x202A, 0x202F)))).split()
        assert set(unicodedata.normalize("NFKC", text).split()) - {"(12)"} <= set(words)

    def test_break_an_id_at_its_hyphens(self, write: Write) -> None:
        columns = [Column("who"), Column("x", weight=4)]
        _, page = write(inventory([], tables=[Table("t", columns, [("9d2b7f6e-1d43-4b7c-8a55-6b1c2d3e4f02", "")])]))
        assert page.split("\n")[3:5] == ["9d2b7f6e-1d43-4b7c-", "8a55-6b1c2d3e4f02"]

    @pytest.mark.parametrize(
        "value", [Decimal("9999999999.99"), Decimal("-0.01"), Decimal("9999999999.99") * (2**31 - 1)]
    )
    def test_an_amount_is_never_cut(self, write: Write, value: Decimal) -> None:
        narrow = [Column("n", "money", 0.3), Column("x", weight=10)]
        _, page = write(inventory([], tables=[Table("t", narrow, [(value, "")])]))
        assert f"{value:,.2f}" in page

    def test_wrap_long_text_and_leave_out_the_rest(self, write: Write) -> None:
        description = " ".join(f"word{number}" for number in range(100))
        _, page = write(inventory([product(1, "x" * 100, description), product(2)]))
        assert "word12" in page
        assert "word99" not in page
        assert "…" in page
        assert page.count("x") == 100

    def test_a_number_is_never_cut(self, write: Write) -> None:
        narrow = [Column("n", "integer"), Column("x", weight=10)]
        _, page = write(inventory([], tables=[Table("t", narrow, [(2**31 - 1, "")])]))
        assert "2,147,483,647" in page

    @given(text=st.text(st.characters(codec=None), max_size=600) | st.text("x \u0301\u200b\ud800", max_size=600))
    @example(" " + "W" * 100)
    def test_take_any_text(self, tmp_path: Path, text: str) -> None:
        write_pdf(content_with(text), tmp_path / "any.pdf", lambda rows: None)
        assert len(PdfReader(tmp_path / "any.pdf").pages) >= 2

    def test_take_a_text_without_end(self, write: Write) -> None:
        for text in ("x" * 1_000_000, "x " * 500_000, "\u0301" * 1_000_000):
            assert write(content_with(text))


@pytest.mark.parametrize(
    "values",
    [[], [0], [0, 0, 0], [-1, 5], [float("nan"), float("inf")], [None, Decimal("0.01")], [10**15] * 13, [0] * 40],
)
def test_a_chart_takes_any_value(write: Write, values: list[Any]) -> None:
    chart = Chart("Chart", [f"label {number}" for number in range(len(values))], values)
    assert "Chart" in write(inventory([], charts=[chart]))[0]


class TestProgress:
    def test_is_told_page_by_page(self, tmp_path: Path) -> None:
        counts: list[int] = []
        tables = [Table("a", COLUMNS, map(product, range(130))), Table("b", COLUMNS, map(product, range(3)))]
        write_pdf(inventory([], tables=tables), tmp_path / "report.pdf", counts.append)
        assert counts == sorted(counts)
        assert len(counts) > 3
        assert counts[-1] == 133

    def test_rows_are_read_as_they_are_written(self, tmp_path: Path) -> None:
        read = 0
        ahead: list[int] = []

        def rows() -> Iterator[Any]:
            nonlocal read
            for read in range(1, 1001):
                yield product(read)

        write_pdf(inventory(rows()), tmp_path / "report.pdf", lambda written: ahead.append(read - written))
        assert max(ahead) <= 1

    def test_can_end_the_writing(self, tmp_path: Path) -> None:
        def stop(rows: int) -> None:
            raise InterruptedError

        with pytest.raises(InterruptedError):
            write_pdf(inventory(map(product, range(1000))), tmp_path / "report.pdf", stop)

    def test_a_failing_row_ends_the_writing(self, tmp_path: Path) -> None:
        with pytest.raises(ZeroDivisionError):
            write_pdf(inventory(product(1 // number) for number in (1, 0)), tmp_path / "report.pdf", lambda rows: None)


def test_threads_write_at_once(tmp_path: Path) -> None:
    """The threads share the fonts."""
    alphabets = ["abcdefgh", "άβγδεζηθ", "абвгдежз", "ĀāĂăĄąĆć"]

    def write_one(number: int) -> Path:
        path = tmp_path / f"{number}.pdf"
        word = alphabets[number % 4]
        rows = (product(row, f"{word}{word[row % 8]}") for row in range(150))
        write_pdf(inventory(rows, title=word), path, lambda rows: None)
        return path

    with ThreadPoolExecutor(4) as pool:
        paths = list(pool.map(write_one, range(8)))
    for number, path in enumerate(paths):
        text = "".join(pages_of(path))
        assert all(alphabets[number % 4] + letter in text for letter in alphabets[number % 4])
