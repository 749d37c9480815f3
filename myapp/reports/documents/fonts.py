"""The fonts of PDF reports: which one has a character, and the shapes of characters that depend on their neighbours."""

import re
import threading
import unicodedata
from collections.abc import Iterator, Sequence
from functools import cache, cached_property
from itertools import groupby
from pathlib import Path
from typing import Any, NamedTuple

FONTS = Path(__file__).parent.parent / "fonts"

LOCK = threading.RLock()
"""Held while fonts are loaded, while text is shaped and while a document is saved: all threads share the fonts."""


PRIVATE_USE = re.compile("[\ue000-\uf8ff]")
ZERO_WIDTH = "\u200b"


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
    def _loaded(self) -> Any:
        from reportlab.pdfbase.pdfmetrics import registerFont

        with LOCK:
            font = readable_font()(self._path.stem, self._path)
            registerFont(font)
        return font

    @cached_property
    def _widths(self) -> dict[int, float]:
        widths: dict[int, float] = self._loaded.face.charWidths
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

        meanings = self._loaded.meanings
        with LOCK:
            shaped = shapeStr(text, self._path.stem, 1, force=True)
        places = shaped.__shapeData__
        for code, meaning in glyph_meanings(text, shaped, [place.cluster for place in places]):
            meanings.setdefault(code, meaning)
        runs: list[Run] = []
        for is_usual, group in groupby(range(len(places)), lambda index: is_usually_placed(places[index])):
            indices = list(group)
            part = shaped[indices[0] : indices[-1] + 1]
            width = sum(places[index].x_advance for index in indices)
            runs.append(Run(self._path.stem, str(part) if is_usual else part, width))
        return runs


def glyph_meanings(text: str, glyphs: str, clusters: Sequence[int]) -> Iterator[tuple[int, str]]:
    """Yield the private code of each glyph that has no character of its own, and the part of ``text`` that it shows.

    ``clusters`` has for each glyph the index of the first letter that it belongs to. Several glyphs may belong to the
    same letters; the first then shows those that no other shows.
    """
    starts = sorted(set(clusters))
    ends = dict(zip(starts, [*starts[1:], len(text)], strict=True))
    for start in starts:
        members = [glyph for glyph, cluster in zip(glyphs, clusters, strict=True) if cluster == start]
        private = [glyph for glyph in members if PRIVATE_USE.match(glyph)]
        letters = unicodedata.normalize("NFKC", text[start : ends[start]])
        rest = "".join(letter for letter in letters if letter not in members)
        for glyph in private:
            yield ord(glyph), rest or ZERO_WIDTH
            rest = ""


@cache
def readable_font() -> type[Any]:
    """Return reportlab's class of fonts, changed so that text can be copied and searched.

    reportlab 5.1.0 writes private codes for glyphs without a character, and a wrong code for characters above U+FFFF.
    """
    from reportlab.pdfbase.ttfonts import TTFont

    class ReadableFont(TTFont):  # type: ignore[misc] # reportlab has no types
        def __init__(self, *arguments: Any) -> None:
            super().__init__(*arguments)
            self.meanings: dict[int, str] = {}

        def addObjects(self, doc: Any) -> None:
            subsets = self.state[doc].subsets
            names = [self.getSubsetInternalName(index, doc).removeprefix("/") for index in range(len(subsets))]
            super().addObjects(doc)
            fonts = doc.idToObject["BasicFonts"].dict
            for name, codes in zip(names, subsets, strict=True):
                stream = doc.idToObject[fonts[name].ToUnicode.name]
                for place, code in enumerate(codes):
                    if code in self.meanings or code > 0xFFFF:
                        meaning = self.meanings.get(code, chr(code)).encode("utf-16-be").hex()
                        stream.content = stream.content.replace(
                            f"<{place:02X}> <{code:04X}>", f"<{place:02X}> <{meaning}>"
                        )

    return ReadableFont


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
