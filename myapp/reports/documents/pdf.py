"""A report as PDF, for people: a title page with facts and charts, then its tables.

Drawn page by page onto reportlab's canvas: its flowing layout keeps every row of a document in memory.
"""

from collections.abc import Callable
from pathlib import Path

from .chart import draw_chart, height_of
from .content import Chart, ReportContent
from .page import ACCENT, BOTTOM, GREY, MARGIN, ROOM, TOP, WIDTH, Pages
from .table import TableDrawing

TITLE, SUBTITLE, HEADING, FACT = 26.0, 12.0, 13.0, 10.0
FACT_LINE = 18.0
MAX_LINES = 3
ROOM_FOR_TABLE = 150.0
"""A table begins on a new page where less is left."""


def write_pdf(content: ReportContent, path: Path, on_rows: Callable[[int], None]) -> None:
    """Write all of ``content``; the file appears at the end.

    Text is text: nothing in it is markup, and a character that the font lacks is drawn as a question mark in a diamond.
    Of a long cell the first lines are drawn. Times are in UTC. ``on_rows`` is told, page by page and at the end, how
    many rows are written; what it raises ends the writing. 100,000 rows take some 10 MB of file and 90 MB of memory.
    """
    pages = Pages(path, content.title)
    draw_title(pages, content)
    for chart in content.charts:
        draw_titled_chart(pages, chart)
    written = 0
    for index, table in enumerate(content.tables):
        if index == 0 or pages.y - ROOM_FOR_TABLE < BOTTOM:
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
    for line in pages.bold.lines(content.title, TITLE, ROOM, MAX_LINES):
        pages.text(MARGIN, pages.y, line, pages.bold, TITLE, ACCENT)
        pages.y -= TITLE * 1.25
    for line in pages.regular.lines(content.subtitle, SUBTITLE, ROOM, MAX_LINES):
        pages.text(MARGIN, pages.y, line, pages.regular, SUBTITLE, GREY)
        pages.y -= SUBTITLE * 1.4
    pages.y -= 22
    for name, value in content.facts:
        draw_fact(pages, name, value)
    pages.y -= 16


def draw_fact(pages: Pages, name: str, value: str) -> None:
    lines = pages.regular.lines(value, FACT, ROOM * 0.62, MAX_LINES)
    if pages.y - FACT_LINE * len(lines) < BOTTOM:
        pages.next_page()
    pages.rule(pages.y + 14)
    pages.text(MARGIN, pages.y, pages.bold.lines(name, FACT, ROOM * 0.35, 1)[0], pages.bold, FACT)
    for line in lines:
        pages.text(MARGIN + ROOM * 0.38, pages.y, line, pages.regular, FACT)
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
    pages.text(MARGIN, pages.y, pages.bold.lines(title, HEADING, ROOM, 1)[0], pages.bold, HEADING)
    pages.y -= 14
