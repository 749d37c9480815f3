"""The fonts of PDF reports: which one has a character, and the shapes of characters that depend on their neighbours."""

import threading
import unicodedata
from collections.abc import Sequence
from functools import cache, cached_property
from itertools import groupby
from pathlib import Path
from typing import Any, NamedTuple

FONTS = Path(__file__).parent.parent / "fonts"

LOCK = threading.RLock()
"""Held while fonts are loaded, while text is shaped and while a document is saved: all threads share the fonts."""


class Run(NamedTuple):
    """A text as reportlab draws it, in one font. ``width`` is for a font size of 1000."""

    font: str
    text: str
    width: float


class Font:
    """A font file. It is loaded when its first character is drawn."""

    def __init__(self, path: Path) -> None:
        self._path = path

    @cached_property
    def characters(self) -> frozenset[int]:
        """The code points that the font has a glyph for, control characters excepted."""
        import uharfbuzz

        codes = uharfbuzz.Face(uharfbuzz.Blob.from_file_path(str(self._path))).unicodes
        return frozenset(code for code in codes if unicodedata.category(chr(code)) != "Cc")

    @cached_property
    def _widths(self) -> dict[int, float]:
        from reportlab.pdfbase.pdfmetrics import registerFont
        from reportlab.pdfbase.ttfonts import TTFont

        with LOCK:
            font = TTFont(self._path.stem, self._path)
            registerFont(font)
        widths: dict[int, float] = font.face.charWidths
        return widths

    def width(self, text: str) -> float:
        """Return the width of ``text`` for a font size of 1000. All characters must have a glyph."""
        return sum(map(self._widths.__getitem__, map(ord, text)))

    def plain(self, text: str) -> Run:
        return Run(self._path.stem, text, self.width(text))

    def shaped(self, text: str) -> list[Run]:
        """Return ``text`` with joined letters, ligatures and placed marks; letters from right to left are reversed.

        Glyphs that stand where reportlab expects them are in runs of their own, which it draws much faster.
        """
        from reportlab.pdfbase.ttfonts import shapeStr

        assert self._widths
        with LOCK:
            shaped = shapeStr(text, self._path.stem, 1, force=True)
        places = shaped.__shapeData__
        runs: list[Run] = []
        for is_usual, group in groupby(range(len(places)), lambda index: is_usually_placed(places[index])):
            indices = list(group)
            part = shaped[indices[0] : indices[-1] + 1]
            width = sum(places[index].x_advance for index in indices)
            runs.append(Run(self._path.stem, str(part) if is_usual else part, width))
        return runs


def is_usually_placed(place: Any) -> bool:
    """Return whether a glyph stands on the base line, behind the one before, and is as wide as the font says."""
    return bool(place.x_advance == place.width and not place.x_offset and not place.y_offset)


@cache
def fallback_fonts() -> Sequence[Font]:
    """Return the fonts for characters that the main font lacks, the large one for East Asia last."""
    return [Font(path) for path in (*sorted(FONTS.glob("NotoSans*.ttf")), *FONTS.glob("*.ttc"))]


@cache
def main_font(name: str) -> Font:
    return Font(FONTS / f"{name}.ttf")
