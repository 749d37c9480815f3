"""The pages of a PDF report: size, colours, header and footer."""

import threading
from collections.abc import Iterable
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

from .typeface import Typeface, typefaces

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

REPORTLAB_LOCK = threading.Lock()
"""Held while a font is loaded and a document is saved: both move the file position that all threads share."""


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
        with REPORTLAB_LOCK:
            self.regular, self.bold = typefaces()
        self._canvas = Canvas(str(path), pagesize=(WIDTH, HEIGHT), pageCompression=1, lang="en")
        self._canvas.setTitle(self.regular.printable(title))
        self._canvas.setCreator("Products API")
        self._canvas.setAuthor("Products API")
        self._title = self.regular.wrap(title, SMALL, CONTENT_WIDTH * 0.75, 1)[0]
        self._number = 1
        self.y = TOP

    def save(self) -> None:
        """Write the file. All pages refer to a form with the number of pages, which is known only now."""
        self._end_page()
        self._canvas.beginForm("pages", 0, 0, 60, 12)
        self.text(0, 3, f"of {self._number}", self.regular, SMALL, GREY)
        self._canvas.endForm()
        with REPORTLAB_LOCK:
            self._canvas.save()

    def next_page(self) -> None:
        self._end_page()
        self._number += 1
        self.y = TOP
        self.text(MARGIN, HEIGHT - 40, self._title, self.regular, SMALL, GREY)

    def bookmark(self, title: str) -> None:
        """Add an entry for this page to the outline."""
        key = f"page {self._number} {self.y}"
        self._canvas.bookmarkPage(key)
        self._canvas.addOutlineEntry(self.regular.printable(title) or "-", key, 0)

    def text(self, x: float, y: float, printable: str, face: Typeface, size: float, colour: str = INK) -> None:
        self.texts([(x, y, printable)], face, size, colour)

    def texts(self, texts: Iterable[tuple[float, float, str]], face: Typeface, size: float, colour: str = INK) -> None:
        """Draw many texts, each with its left end and base line. Much faster than one call for each text."""
        drawn = self._canvas.beginText()
        drawn.setFont(face.name, size)
        drawn.setFillColor(to_color(colour))
        for x, y, printable in texts:
            drawn.setTextOrigin(x, y)
            drawn.textOut(printable)
        self._canvas.drawText(drawn)

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
        label = f"Page {self._number} "
        end = WIDTH - MARGIN - 24
        self.text(end - self.regular.width(label, SMALL), BOTTOM - 26, label, self.regular, SMALL, GREY)
        self._canvas.saveState()
        self._canvas.translate(end, BOTTOM - 29)
        self._canvas.doForm("pages")
        self._canvas.restoreState()
        self._canvas.showPage()
