"""A report as PDF, for people: a title page with facts and charts, then the tables.

The pages are drawn directly on reportlab's canvas, because its layout engine keeps all rows of a document in memory.
"""

from collections.abc import Callable
from pathlib import Path

from .chart import draw_chart, height_of
from .content import Chart, ReportContent
from .page import ACCENT, BOTTOM, CONTENT_WIDTH, GREY, MARGIN, TOP, WIDTH, Pages
from .table import TableDrawing

TITLE, SUBTITLE, HEADING, FACT = 26.0, 12.0, 13.0, 10.0
FACT_LINE = 18.0
MAX_LINES = 3
MIN_TABLE_HEIGHT = 150.0
"""A table begins on a new page if less space is left, in points."""


def write_pdf(content: ReportContent, path: Path, on_rows: Callable[[int], None]) -> None:
    """Write all of ``content``. The file appears at the end.

    Text is never treated as markup. Scripts are shaped and run in their direction. A character that no font has is
    drawn as a question mark in a diamond. Only the first lines of a long cell are drawn; numbers are never broken.
    Times are in UTC. ``on_rows`` is called with the number of rows written, after each page and at the end. If it
    raises, writing stops. 100,000 rows need about 10 MB of file and 130 MB of memory; Indic scripts need twice as much.
    """
    pages = Pages(path, content.title)
    draw_title(pages, content)
    for chart in content.charts:
        draw_titled_chart(pages, chart)
    written = 0
    for index, table in enumerate(content.tables):
        if index == 0 or pages.y - MIN_TABLE_HEIGHT < BOTTOM:
            pages.next_page()
        else:
            pages.y -= 30
        draw_heading(pages, table.title)
        for rows in TableDrawing(pages, table).draw():
            written += rows
            on_rows(written)
    pages.save()


def draw_title(pages: Pages, content: ReportContent) -> None:
    pages.box(0, TOP + 22, WIDTH, 60, ACCENT)
    pages.y = TOP - 40
    for line in pages.bold.wrap(content.title, TITLE, CONTENT_WIDTH, MAX_LINES):
        pages.text(MARGIN, pages.y, line, TITLE, ACCENT)
        pages.y -= TITLE * 1.25
    for line in pages.regular.wrap(content.subtitle, SUBTITLE, CONTENT_WIDTH, MAX_LINES):
        pages.text(MARGIN, pages.y, line, SUBTITLE, GREY)
        pages.y -= SUBTITLE * 1.4
    pages.y -= 22
    for name, value in content.facts:
        draw_fact(pages, name, value)
    pages.y -= 16


def draw_fact(pages: Pages, name: str, value: str) -> None:
    lines = pages.regular.wrap(value, FACT, CONTENT_WIDTH * 0.62, MAX_LINES)
    if pages.y - FACT_LINE * len(lines) < BOTTOM:
        pages.next_page()
    pages.rule(pages.y + 14)
    pages.text(MARGIN, pages.y, pages.bold.wrap(name, FACT, CONTENT_WIDTH * 0.35, 1)[0], FACT)
    for line in lines:
        pages.text(MARGIN + CONTENT_WIDTH * 0.38, pages.y, line, FACT)
        pages.y -= FACT_LINE
    pages.y -= 3


def draw_titled_chart(pages: Pages, chart: Chart) -> None:
    if pages.y - height_of(chart) - 50 < BOTTOM:
        pages.next_page()
    draw_heading(pages, chart.title)
    pages.drawing(draw_chart(chart, pages.regular))
    pages.y -= 22


def draw_heading(pages: Pages, title: str) -> None:
    pages.bookmark(title)
    pages.y -= HEADING
    pages.text(MARGIN, pages.y, pages.bold.wrap(title, HEADING, CONTENT_WIDTH, 1)[0], HEADING)
    pages.y -= 14
