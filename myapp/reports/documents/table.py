"""Tables of printed reports, over any number of pages."""

from collections.abc import Iterator, Sequence
from datetime import UTC
from typing import Any

from .content import Column, Table
from .page import BOTTOM, GREY, MARGIN, ROOM, STRIPE, TINT, Pages
from .typeface import Typeface

SIZE, LINE, PADDING = 8.0, 10.5, 5.0
MAX_LINES = 8
"""Of one cell: all of a product's name in a column of common width; the rest is left out, with an ellipsis."""

MOMENT = "%Y-%m-%d %H:%M"

Row = list[list[str]]
"""The lines of each cell."""


class TableDrawing:
    """One table, from where its pages are free. The rows of a page are gathered, then drawn at once."""

    def __init__(self, pages: Pages, table: Table) -> None:
        self._pages = pages
        self._table = table
        self._widths = widths(table.columns, pages.regular)
        self._header = self._lines([column.title for column in table.columns], pages.bold)

    def draw(self) -> Iterator[int]:
        """Draw page after page; how many rows are on each."""
        gathered: list[Row] = []
        free = self._free()
        for values in self._table.rows:
            cells = [shown(column, value) for column, value in zip(self._table.columns, values, strict=True)]
            row = self._lines(cells, self._pages.regular)
            if height_of(row) > free:
                self._draw(gathered)
                yield len(gathered)
                self._pages.next_page()
                gathered, free = [], self._free()
            gathered.append(row)
            free -= height_of(row)
        self._draw(gathered)
        if not gathered:
            self._pages.y -= LINE + PADDING
            self._pages.text(MARGIN + PADDING, self._pages.y, "There are none.", self._pages.regular, SIZE, GREY)
        yield len(gathered)

    def _free(self) -> float:
        return self._pages.y - height_of(self._header) - BOTTOM

    def _lines(self, cells: Sequence[str], face: Typeface) -> Row:
        return [
            face.lines(cell, SIZE, width - 2 * PADDING, MAX_LINES)
            for cell, width in zip(cells, self._widths, strict=True)
        ]

    def _draw(self, rows: Sequence[Row]) -> None:
        pages = self._pages
        self._background(self._header, TINT)
        pages.texts(self._place(self._header, pages.bold), pages.bold, SIZE)
        texts: list[tuple[float, float, str]] = []
        for index, row in enumerate(rows):
            if index % 2:
                self._background(row, STRIPE)
            texts += self._place(row, pages.regular)
        pages.texts(texts, pages.regular, SIZE)

    def _background(self, row: Row, colour: str) -> None:
        self._pages.box(MARGIN, self._pages.y - height_of(row), ROOM, height_of(row), colour)

    def _place(self, row: Row, face: Typeface) -> Iterator[tuple[float, float, str]]:
        """Where each line of the next row stands, with its text; numbers stand at the right."""
        left = MARGIN
        for column, width, lines in zip(self._table.columns, self._widths, row, strict=True):
            y = self._pages.y - PADDING / 2 - SIZE
            for line in lines:
                x = left + PADDING
                if column.kind in ("integer", "money"):
                    x = left + width - PADDING - face.width(line, SIZE)
                yield x, y, line
                y -= LINE
            left += width
        self._pages.y -= height_of(row)


def widths(columns: Sequence[Column], face: Typeface) -> list[float]:
    """Moments take what they need; the other columns share the rest by weight."""
    moment = face.width("0000-00-00 00:00", SIZE) + 2 * PADDING + 1
    moments = sum(column.kind == "moment" for column in columns)
    share = (ROOM - moment * moments) / (sum(column.weight for column in columns if column.kind != "moment") or 1)
    return [moment if column.kind == "moment" else share * column.weight for column in columns]


def height_of(row: Row) -> float:
    return max(map(len, row)) * LINE + PADDING


def shown(column: Column, value: Any) -> str:
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
