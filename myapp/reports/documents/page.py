"""The pages of a PDF report: size, colours, header and footer."""

import re
from collections.abc import Iterable
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from .fonts import LOCK
from .typeface import MAX_TEXT, Line, typefaces

if TYPE_CHECKING:
    from reportlab.graphics.shapes import Drawing

WIDTH, HEIGHT = 595.28, 841.89  # A4, in points
MARGIN = 48.0
TOP = HEIGHT - 64
BOTTOM = 58.0
CONTENT_WIDTH = WIDTH - 2 * MARGIN

INK = "#1f2937"
GREY = "#6b7280"
ACCENT = "#1d4e79"
TINT = "#e8eef4"
STRIPE = "#f6f8fa"

SMALL = 7.5

UNWRITABLE = re.compile("[\x00-\x1f\x7f-\x9f\ud800-\udfff]")


class Placed(NamedTuple):
    """A line with its left end, its base line and its font size, in points."""

    x: float
    y: float
    size: float
    line: Line


@cache
def to_color(colour: str) -> Any:
    """Return reportlab's object for ``colour``. It is cached because creating it is slow."""
    from reportlab.lib.colors import HexColor

    return HexColor(colour)


class Pages:
    """A document that is drawn from top to bottom. ``y`` is the upper end of the free space on the page, in points."""

    def __init__(self, path: Path, title: str) -> None:
        from reportlab import rl_config
        from reportlab.pdfgen.canvas import Canvas

        rl_config.useA85 = 0  # binary streams instead of text: smaller and faster
        self.regular, self.bold = typefaces()
        self._canvas = Canvas(str(path), pagesize=(WIDTH, HEIGHT), pageCompression=1, lang="en")
        self._canvas.setTitle(metadata(title))
        self._canvas.setCreator("Products API")
        self._canvas.setAuthor("Products API")
        self._title = self.regular.wrap(title, SMALL, CONTENT_WIDTH * 0.75, 1)[0]
        self._number = 1
        self.y = TOP

    def save(self) -> None:
        """Write the file. All pages refer to a form with the number of pages, which is known only now."""
        self._end_page()
        self._canvas.beginForm("pages", 0, 0, 60, 12)
        self.text(0, 3, self.regular.line(f"of {self._number}"), SMALL, GREY)
        self._canvas.endForm()
        with LOCK:  # saving moves the file position of a font
            self._canvas.save()

    def next_page(self) -> None:
        self._end_page()
        self._number += 1
        self.y = TOP
        self.text(MARGIN, HEIGHT - 40, self._title, SMALL, GREY)

    def bookmark(self, title: str) -> None:
        """Add an entry for this page to the outline."""
        key = f"page {self._number} {self.y}"
        self._canvas.bookmarkPage(key)
        self._canvas.addOutlineEntry(metadata(title) or "-", key, 0)

    def text(self, x: float, y: float, line: Line, size: float, colour: str = INK) -> None:
        self.texts([Placed(x, y, size, line)], colour)

    def texts(self, lines: Iterable[Placed], colour: str = INK) -> None:
        """Draw many lines. This is much faster than one call for each."""
        drawn = self._begin_text(colour)
        current = None
        for x, y, size, line in lines:
            if line.actual_text:
                self._canvas.drawText(drawn)
                self._canvas.addLiteral(f"/Span <</ActualText <feff{line.actual_text.encode('utf-16-be').hex()}>>> BDC")
                drawn, current = self._begin_text(colour), None
            drawn.setTextOrigin(x, y)
            for font, text, _ in line.runs:  # each begins where the one before ends
                # reportlab 5.1.0 fails at a raised glyph at the start of a text, unless the font is set before.
                if (font, size) != current or type(text) is not str:
                    drawn.setFont(font, size)
                    current = font, size
                drawn.textOut(text)
            if line.actual_text:
                self._canvas.drawText(drawn)
                self._canvas.addLiteral("EMC")
                drawn, current = self._begin_text(colour), None
        self._canvas.drawText(drawn)

    def _begin_text(self, colour: str) -> Any:
        drawn = self._canvas.beginText()
        drawn.setFillColor(to_color(colour))
        return drawn

    def box(self, x: float, y: float, width: float, height: float, colour: str) -> None:
        self._canvas.setFillColor(to_color(colour))
        self._canvas.rect(x, y, width, height, stroke=0, fill=1)

    def rule(self, y: float, colour: str = TINT) -> None:
        self._canvas.setStrokeColor(to_color(colour))
        self._canvas.setLineWidth(0.5)
        self._canvas.line(MARGIN, y, WIDTH - MARGIN, y)

    def drawing(self, drawing: "Drawing") -> None:
        """Place ``drawing`` below ``y``."""
        from reportlab.graphics import renderPDF

        self.y -= drawing.height
        renderPDF.draw(drawing, self._canvas, MARGIN, self.y)

    def _end_page(self) -> None:
        self.rule(BOTTOM - 14)
        label = self.regular.line(f"Page {self._number} ")
        end = WIDTH - MARGIN - 24
        self.text(end - label.width * SMALL / 1000, BOTTOM - 26, label, SMALL, GREY)
        self._canvas.saveState()
        self._canvas.translate(end, BOTTOM - 29)
        self._canvas.doForm("pages")
        self._canvas.restoreState()
        self._canvas.showPage()


def metadata(text: str) -> str:
    """Return ``text`` for the title and the outline, which a viewer draws with fonts of its own."""
    return UNWRITABLE.sub("\ufffd", text[:MAX_TEXT])
