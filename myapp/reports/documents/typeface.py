"""The fonts of PDF reports: the characters they have, and the width of texts."""

import unicodedata
from bisect import bisect_right
from collections.abc import Mapping
from functools import cache
from itertools import accumulate
from pathlib import Path

FONTS = Path(__file__).parent.parent / "fonts"

REPLACEMENT = "\ufffd"
"""Drawn instead of a character that the font lacks: a question mark in a diamond."""

ELLIPSIS = "…"
MAX_TEXT = 2000
"""The most characters of one text; the rest is not drawn."""


class Printable(dict[int, str]):
    """A table for str.translate that replaces code points without a glyph by REPLACEMENT.

    Code points above U+FFFF are replaced too: text that reportlab 5.1.0 writes with them cannot be copied or searched.
    """

    def __init__(self, glyphs: Mapping[int, int]) -> None:
        super().__init__({ord(space): " " for space in "\t\n\r\xa0"})
        self._glyphs = glyphs

    def __missing__(self, code: int) -> str:
        drawn = code in self._glyphs and code <= 0xFFFF and unicodedata.category(chr(code)) != "Cc"
        self[code] = text = chr(code) if drawn else REPLACEMENT
        return text


class Typeface:
    """One font file, registered at reportlab as ``name``."""

    def __init__(self, name: str) -> None:
        from reportlab.pdfbase.pdfmetrics import registerFont
        from reportlab.pdfbase.ttfonts import TTFont

        font = TTFont(name, FONTS / f"{name}.ttf")
        registerFont(font)
        self.name = name
        self._widths: dict[int, float] = font.face.charWidths
        self._printable = Printable(font.face.charToGlyph)

    def printable(self, text: str) -> str:
        """Return ``text`` on one line, with only characters that have a glyph."""
        return unicodedata.normalize("NFC", text[:MAX_TEXT]).translate(self._printable)

    def width(self, printable: str, size: float) -> float:
        return sum(map(self._widths.__getitem__, map(ord, printable))) * size / 1000

    def wrap(self, text: str, size: float, width: float, limit: int) -> list[str]:
        """Return ``text`` in up to ``limit`` lines of ``width`` points. An ellipsis replaces what does not fit."""
        text = self.printable(text)
        if self.width(text, size) <= width:
            return [text]
        lines: list[str] = []
        line = ""
        for word in text.split(" "):
            longer = f"{line} {word}" if line else word
            if self.width(longer, size) <= width:
                line = longer
                continue
            if line:
                lines.append(line)
            while self.width(word, size) > width:
                head = self._fitting(word, size, width)
                lines.append(word[:head])
                word = word[head:]
            line = word
            if len(lines) > limit:
                break
        if line:
            lines.append(line)
        if len(lines) > limit:
            room = width - self.width(ELLIPSIS, size)
            last = lines[limit - 1]
            lines[limit - 1 :] = [last[: self._fitting(last, size, room)].rstrip() + ELLIPSIS]
        return lines

    def _fitting(self, text: str, size: float, width: float) -> int:
        """Return how many characters from the start fit, but at least 1."""
        ends = list(accumulate(map(self._widths.__getitem__, map(ord, text))))
        return max(1, bisect_right(ends, width * 1000 / size))


@cache
def typefaces() -> tuple[Typeface, Typeface]:
    """Return the regular and the bold font. All documents share them."""
    return Typeface("DejaVuSans"), Typeface("DejaVuSans-Bold")
