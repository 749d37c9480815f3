"""Tables in PDF reports, over any number of pages."""

from collections.abc import Iterator, Sequence
from datetime import UTC
from typing import Any

from .content import Column, Table
from .page import BOTTOM, CONTENT_WIDTH, GREY, MARGIN, STRIPE, TINT, Pages
from .typeface import Typeface

FONT_SIZE, LINE_HEIGHT, PADDING = 8.0, 10.5, 5.0
MAX_LINES = 8
"""The most lines of one cell; enough for any product name in a column of usual width. An ellipsis replaces the rest."""

MOMENT = "%Y-%m-%d %H:%M"

DrawnRow = list[list[str]]
"""The lines of each cell of a row."""


class TableDrawing:
    """Draws one table, beginning on the current page. The rows of a page are collected, then drawn together."""

    def __init__(self, pages: Pages, table: Table) -> None:
        self._pages = pages
        self._table = table
        self._widths = column_widths(table.columns, pages.regular)
        self._header = self._lines([column.title for column in table.columns], pages.bold)

    def draw(self) -> Iterator[int]:
        """Draw page after page. Yield the number of rows on each page."""
        rows: list[DrawnRow] = []
        free_height = self._free_height()
        for values in self._table.rows:
            cells = [format_cell(column, value) for column, value in zip(self._table.columns, values, strict=True)]
            row = self._lines(cells, self._pages.regular)
            if height_of(row) > free_height:
                self._draw(rows)
                yield len(rows)
                self._pages.next_page()
                rows, free_height = [], self._free_height()
            rows.append(row)
            free_height -= height_of(row)
        self._draw(rows)
        if not rows:
            self._pages.y -= LINE_HEIGHT + PADDING
            self._pages.text(MARGIN + PADDING, self._pages.y, "There are none.", self._pages.regular, FONT_SIZE, GREY)
        yield len(rows)

    def _free_height(self) -> float:
        return self._pages.y - height_of(self._header) - BOTTOM

    def _lines(self, cells: Sequence[str], face: Typeface) -> DrawnRow:
        return [
            face.wrap(cell, FONT_SIZE, width - 2 * PADDING, MAX_LINES)
            for cell, width in zip(cells, self._widths, strict=True)
        ]

    def _draw(self, rows: Sequence[DrawnRow]) -> None:
        pages = self._pages
        self._background(self._header, TINT)
        pages.texts(self._place(self._header, pages.bold), pages.bold, FONT_SIZE)
        texts: list[tuple[float, float, str]] = []
        for index, row in enumerate(rows):
            if index % 2:
                self._background(row, STRIPE)
            texts += self._place(row, pages.regular)
        pages.texts(texts, pages.regular, FONT_SIZE)

    def _background(self, row: DrawnRow, colour: str) -> None:
        self._pages.box(MARGIN, self._pages.y - height_of(row), CONTENT_WIDTH, height_of(row), colour)

    def _place(self, row: DrawnRow, face: Typeface) -> Iterator[tuple[float, float, str]]:
        """Yield the position and the text of each line of the next row. Numbers are aligned to the right."""
        left = MARGIN
        for column, width, lines in zip(self._table.columns, self._widths, row, strict=True):
            y = self._pages.y - PADDING / 2 - FONT_SIZE
            for line in lines:
                x = left + PADDING
                if column.kind in ("integer", "money"):
                    x = left + width - PADDING - face.width(line, FONT_SIZE)
                yield x, y, line
                y -= LINE_HEIGHT
            left += width
        self._pages.y -= height_of(row)


def column_widths(columns: Sequence[Column], face: Typeface) -> list[float]:
    """Return the width of each column, in points. Moments get what they need; the others share the rest by weight."""
    moment = face.width("0000-00-00 00:00", FONT_SIZE) + 2 * PADDING + 1
    moments = sum(column.kind == "moment" for column in columns)
    weights = sum(column.weight for column in columns if column.kind != "moment") or 1
    share = (CONTENT_WIDTH - moment * moments) / weights
    return [moment if column.kind == "moment" else share * column.weight for column in columns]


def height_of(row: DrawnRow) -> float:
    return max(map(len, row)) * LINE_HEIGHT + PADDING


def format_cell(column: Column, value: Any) -> str:
    if value is None:
        return ""
    match column.kind:
        case "integer":
            return f"{value:,}"
        case "money":
            return f"{value:,.2f}"
        case "moment":
            return f"{value.astimezone(UTC):{MOMENT}}"
    return str(value)
