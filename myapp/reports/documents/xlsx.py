"""A report as an Excel workbook (Office Open XML), for people and programs."""

import math
import re
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

from .content import NUMBERS, CellKind, Column, ReportContent, Table

ROWS_PER_STEP = 500

MAX_ROWS = 1_048_575
"""The most rows of a sheet below its header. A longer table goes on in another sheet."""

MAX_TEXT = 16_000
"""The most characters of a cell. Excel takes 32,767 UTF-16 units, of which a character has two at most."""

MAX_NAME = 31
"""The most characters of a sheet's name."""

UNWRITABLE = re.compile("[\x00\ud800-\udfff\ufffe\uffff]")
UNNAMEABLE = re.compile(r"[\[\]:*?/\\\x00-\x1f]|^'|'$")

NUMBER_FORMATS: dict[CellKind, str] = {
    "id": "0",
    "integer": "#,##0",
    "money": "#,##0.00",
    "moment": "yyyy-mm-dd hh:mm:ss",
}
WIDTHS: dict[CellKind, float] = {"text": 16, "id": 10, "integer": 13, "money": 18, "moment": 20}
"""The width of a column in characters. That of text is multiplied by the weight of the column."""


def write_xlsx(content: ReportContent, path: Path, on_rows: Callable[[int], None]) -> None:
    """Write each table of ``content`` to a sheet, and the facts to the last one.

    Numbers and times are written as such, everything else as text: no text becomes a number, a formula or a link.
    Excel computes with 15 digits. Times are in UTC. ``on_rows`` is called with the number of rows written, after every
    500 rows and at the end of each table. If it raises, writing stops.
    """
    from xlsxwriter import Workbook

    book = Workbook(str(path), {"constant_memory": True, "tmpdir": str(path.parent), "use_zip64": True})
    try:
        book.set_properties({"title": writable(content.title), "author": "Products API"})
        sheets = Sheets(book)
        written = 0
        for table in content.tables:
            for rows in sheets.write_table(table):
                written += rows
                on_rows(written)
        sheets.write_facts(content)
    except BaseException:
        for sheet in book.worksheets():
            sheet.row_data_fh.close()
        raise
    book.close()


class Sheets:
    """Writes the sheets of one workbook, each from top to bottom: the library keeps one row in memory."""

    def __init__(self, book: Any) -> None:
        self._book = book
        header = {"bold": True, "bg_color": "#e8eef4", "bottom": 1}
        self._header = book.add_format(header)
        self._number_header = book.add_format({**header, "align": "right"})
        self._formats = {kind: book.add_format({"num_format": code}) for kind, code in NUMBER_FORMATS.items()}
        self._names: set[str] = set()

    def write_table(self, table: Table) -> Iterator[int]:
        """Write the rows. Yield how many were written since the last time."""
        sheet, row, pending = self._begin(table.title, table.columns), 0, 0
        for values in table.rows:
            if row == MAX_ROWS:
                sheet, row = self._begin(table.title, table.columns), 0
            row += 1
            for place, (column, value) in enumerate(zip(table.columns, values, strict=True)):
                self._write(sheet, row, place, column.kind, value)
            pending += 1
            if pending == ROWS_PER_STEP:
                yield pending
                pending = 0
        yield pending

    def write_facts(self, content: ReportContent) -> None:
        sheet = self._add("Summary")
        sheet.set_column(0, 0, 40)
        sheet.set_column(1, 1, 60)
        for row, (name, value) in enumerate([(content.title, content.subtitle), *content.facts]):
            sheet.write_string(row, 0, writable(name), self._header if row == 0 else None)
            sheet.write_string(row, 1, writable(value), self._header if row == 0 else None)

    def _begin(self, title: str, columns: Any) -> Any:
        sheet = self._add(title)
        sheet.freeze_panes(1, 0)
        sheet.repeat_rows(0)  # when it is printed
        sheet.set_landscape()
        sheet.fit_to_pages(1, 0)
        for place, column in enumerate(columns):
            sheet.set_column(place, place, width_of(column))
            title = f"{column.title} (UTC)" if column.kind == "moment" else column.title
            header = self._number_header if column.kind in NUMBERS else self._header
            sheet.write_string(0, place, writable(title), header)
        return sheet

    def _add(self, title: str) -> Any:
        """Add a sheet. Excel wants a name that is short and differs from the others in more than case."""
        base = UNNAMEABLE.sub("-", UNWRITABLE.sub("-", title[:MAX_NAME])).strip() or "Sheet"
        name, number = base, 1
        while name.casefold() in self._names or name.casefold() == "history":
            number += 1
            suffix = f" ({number})"
            name = base[: MAX_NAME - len(suffix)] + suffix
        self._names.add(name.casefold())
        return self._book.add_worksheet(name)

    def _write(self, sheet: Any, row: int, place: int, kind: CellKind, value: Any) -> None:
        if value is None:
            return
        is_number = isinstance(value, int | float | Decimal) and not isinstance(value, bool)
        if kind == "moment" and isinstance(value, datetime) and value.year >= 1900:
            sheet.write_datetime(row, place, value.astimezone(UTC).replace(tzinfo=None), self._formats[kind])
        elif is_number and math.isfinite(value):
            sheet.write_number(row, place, value, self._formats.get(kind))
        else:
            sheet.write_string(row, place, writable(str(value)))


def width_of(column: Column) -> float:
    return WIDTHS[column.kind] * (max(column.weight, 0.6) if column.kind == "text" else 1)


def writable(text: str) -> str:
    return UNWRITABLE.sub("\ufffd", text[:MAX_TEXT])
