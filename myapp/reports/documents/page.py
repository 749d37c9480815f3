"""The pages of a printed report: size, colours, what stands at the head and foot of each."""

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
ROOM = WIDTH - 2 * MARGIN

INK = "#1f2937"
GREY = "#6b7280"
ACCENT = "#1d4e79"
TINT = "#e8eef4"
STRIPE = "#f6f8fa"

SMALL = 7.5

REPORTLAB = threading.Lock()
"""Loading a font and saving a document move one position in the font file that all threads share."""


@cache
def ink(colour: str) -> Any:
    """``colour`` as reportlab has it, which takes long to make one."""
    from reportlab.lib.colors import HexColor

    return HexColor(colour)


class Pages:
    """A document that is drawn from top to bottom; ``y`` is where the page is free."""

    def __init__(self, path: Path, title: str) -> None:
        from reportlab import rl_config
        from reportlab.pdfgen.canvas import Canvas

        rl_config.useA85 = 0  # streams as they are, not as text: smaller and sooner done
        with REPORTLAB:
            self.regular, self.bold = typefaces()
        self._canvas = Canvas(str(path), pagesize=(WIDTH, HEIGHT), pageCompression=1, lang="en")
        self._canvas.setTitle(self.regular.printable(title))
        self._canvas.setCreator("Products API")
        self._canvas.setAuthor("Products API")
        self._title = self.regular.lines(title, SMALL, ROOM * 0.75, 1)[0]
        self._number = 1
        self.y = TOP

    def save(self) -> None:
        """Write the file. How many pages there are is known only now: each refers to a form that says it."""
        self._end_page()
        self._canvas.beginForm("pages", 0, 0, 60, 12)
        self.text(0, 3, f"of {self._number}", self.regular, SMALL, GREY)
        self._canvas.endForm()
        with REPORTLAB:
            self._canvas.save()

    def next_page(self) -> None:
        self._end_page()
        self._number += 1
        self.y = TOP
        self.text(MARGIN, HEIGHT - 40, self._title, self.regular, SMALL, GREY)

    def bookmark(self, title: str) -> None:
        """An entry of the outline that leads to this page."""
        key = f"page {self._number} {self.y}"
        self._canvas.bookmarkPage(key)
        self._canvas.addOutlineEntry(self.regular.printable(title) or "-", key, 0)

    def text(self, x: float, y: float, printable: str, face: Typeface, size: float, colour: str = INK) -> None:
        self.texts([(x, y, printable)], face, size, colour)

    def texts(self, texts: Iterable[tuple[float, float, str]], face: Typeface, size: float, colour: str = INK) -> None:
        """Each with its left end and base line; far cheaper than one by one."""
        drawn = self._canvas.beginText()
        drawn.setFont(face.name, size)
        drawn.setFillColor(ink(colour))
        for x, y, printable in texts:
            drawn.setTextOrigin(x, y)
            drawn.textOut(printable)
        self._canvas.drawText(drawn)

    def box(self, x: float, y: float, width: float, height: float, colour: str) -> None:
        self._canvas.setFillColor(ink(colour))
        self._canvas.rect(x, y, width, height, stroke=0, fill=1)

    def rule(self, y: float, colour: str = TINT) -> None:
        self._canvas.setStrokeColor(ink(colour))
        self._canvas.setLineWidth(0.5)
        self._canvas.line(MARGIN, y, WIDTH - MARGIN, y)

    def drawing(self, drawing: "Drawing") -> None:
        """Draw it below ``y``."""
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
