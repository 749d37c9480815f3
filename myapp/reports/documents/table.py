"""Tables in PDF reports, over any number of pages."""

from collections.abc import Iterator, Sequence
from typing import NamedTuple

from .content import NUMBERS, Column, Table, format_value
from .page import BOTTOM, CONTENT_WIDTH, GREY, MARGIN, STRIPE, TINT, Pages, Placed
from .typeface import Line, Typeface

FONT_SIZE, LINE_HEIGHT, PADDING = 8.0, 10.5, 5.0
MAX_LINES = 8
"""The most lines of one cell; enough for any product name in a column of usual width. An ellipsis replaces the rest."""


class DrawnCell(NamedTuple):
    """The lines of a cell and their font size. A number has one line: if it is too wide, its font is smaller."""

    lines: list[Line]
    size: float = FONT_SIZE


DrawnRow = list[DrawnCell]


class TableDrawing:
    """Draws one table, beginning on the current page. The rows of a page are collected, then drawn together."""

    def __init__(self, pages: Pages, table: Table) -> None:
        self._pages = pages
        self._table = table
        self._widths = column_widths(table.columns, pages.regular)
        self._header = [
            DrawnCell(pages.bold.wrap(column.title, FONT_SIZE, width - 2 * PADDING, MAX_LINES))
            for column, width in zip(table.columns, self._widths, strict=True)
        ]

    def draw(self) -> Iterator[int]:
        """Draw page after page. Yield the number of rows on each page."""
        rows: list[DrawnRow] = []
        free_height = self._free_height()
        for values in self._table.rows:
            row = [
                self._cell(column, width, format_value(column.kind, value))
                for column, width, value in zip(self._table.columns, self._widths, values, strict=True)
            ]
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
            none = self._pages.regular.line("There are none.")
            self._pages.text(MARGIN + PADDING, self._pages.y, none, FONT_SIZE, GREY)
        yield len(rows)

    def _free_height(self) -> float:
        return self._pages.y - height_of(self._header) - BOTTOM

    def _cell(self, column: Column, width: float, text: str) -> DrawnCell:
        room = width - 2 * PADDING
        if column.kind == "text":
            return DrawnCell(self._pages.regular.wrap(text, FONT_SIZE, room, MAX_LINES))
        line = self._pages.regular.line(text)
        return DrawnCell([line], min(FONT_SIZE, room * 1000 / line.width) if line.width else FONT_SIZE)

    def _draw(self, rows: Sequence[DrawnRow]) -> None:
        pages = self._pages
        self._background(self._header, TINT)
        pages.texts(self._place(self._header))
        lines: list[Placed] = []
        for index, row in enumerate(rows):
            if index % 2:
                self._background(row, STRIPE)
            lines += self._place(row)
        pages.texts(lines)

    def _background(self, row: DrawnRow, colour: str) -> None:
        self._pages.box(MARGIN, self._pages.y - height_of(row), CONTENT_WIDTH, height_of(row), colour)

    def _place(self, row: DrawnRow) -> Iterator[Placed]:
        """Yield the lines of the next row. Numbers and text from right to left are aligned to the right."""
        left = MARGIN
        for column, width, (lines, size) in zip(self._table.columns, self._widths, row, strict=True):
            y = self._pages.y - PADDING / 2 - FONT_SIZE
            for line in lines:
                x = left + PADDING
                if column.kind in NUMBERS or line.right_to_left:
                    x = left + width - PADDING - line.width * size / 1000
                yield Placed(x, y, size, line)
                y -= LINE_HEIGHT
            left += width
        self._pages.y -= height_of(row)


def column_widths(columns: Sequence[Column], face: Typeface) -> list[float]:
    """Return the width of each column, in points. Moments get what they need; the others share the rest by weight."""
    moment = face.line("0000-00-00 00:00").width * FONT_SIZE / 1000 + 2 * PADDING + 1
    moments = sum(column.kind == "moment" for column in columns)
    weights = sum(column.weight for column in columns if column.kind != "moment") or 1
    share = (CONTENT_WIDTH - moment * moments) / weights
    return [moment if column.kind == "moment" else share * column.weight for column in columns]


def height_of(row: DrawnRow) -> float:
    return max(len(cell.lines) for cell in row) * LINE_HEIGHT + PADDING
