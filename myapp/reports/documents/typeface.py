"""The text of PDF reports: what can be drawn, and its lines of a given width."""

import re
import unicodedata
from bisect import bisect_right
from collections.abc import Callable, Collection, Iterator
from functools import cache, lru_cache
from itertools import accumulate, chain
from typing import NamedTuple

from .directions import IGNORED, MIRRORED, is_right_to_left, is_right_to_left_letter, visual_parts
from .fonts import Font, Run, fallback_fonts, main_font

REPLACEMENT = "\ufffd"
"""Drawn instead of a character that no font has: a question mark in a diamond."""

ELLIPSIS = "…"
MAX_TEXT = 2000
"""The most characters of one text; the rest is not drawn."""

COMPLEX = "\x00"
"""Stands for a character that the main font cannot draw by itself: of another font, or shaped by its neighbours."""

DIRECTION_MARKS = "\u200e\u200f\u061c"
JOINERS = "\u200c\u200d"
INVISIBLE = {*range(0x200B, 0x2010), 0x2060, 0xAD, 0x34F, 0x61C, 0xFEFF, *range(0xFE00, 0xFE10), *IGNORED}
"""Code points without a glyph of their own. Marks of direction and joiners act on their neighbours."""
DROPPED = dict.fromkeys(INVISIBLE - set(map(ord, DIRECTION_MARKS + JOINERS)))

EAST_ASIAN = "\u1100-\u11ff\u2e80-\u2fff\u3000-\u9fff\ua960-\ua97f\uac00-\ud7ff\uf900-\ufaff\ufe30-\ufe4f\uff01-\uffef"
UNITS = re.compile(
    rf" |[^ {EAST_ASIAN}]+|[{EAST_ASIAN}][、。，．：；！？）」』】〉》〕］｝…ー々\u0300-\u036f\u3099\u309a]*"  # noqa: RUF001 - East Asian marks
)
"""What a line keeps together: a word, or one Chinese, Japanese or Korean character with the punctuation behind it."""

WORDS = re.compile("[^ ]+ *| +")
JOINTS = frozenset("-_/.@:,;+&=?")
"""A word that is longer than a line is broken after one of these, if possible."""


class Line(NamedTuple):
    """A line as it is drawn, from left to right. ``width`` is for a font size of 1000.

    ``actual_text`` is for a reader who copies or searches the text, if that cannot be guessed from the glyphs.
    """

    runs: tuple[Run, ...]
    width: float
    right_to_left: bool = False
    actual_text: str = ""


class SimpleCharacters(dict[int, str]):
    """A table for str.translate: the character itself, COMPLEX, or REPLACEMENT for what no font has."""

    def __init__(self, font: Font) -> None:
        super().__init__({ord(blank): " " for blank in "\t\n\r\v\f\x85\xa0\u2028\u2029"})
        self._font = font

    def __missing__(self, code: int) -> str:
        self[code] = found = self._find(code)
        return found

    def _find(self, code: int) -> str:
        character = chr(code)
        if code in INVISIBLE:
            return COMPLEX
        if unicodedata.category(character) in ("Cc", "Cs", "Co"):
            return REPLACEMENT
        if code in self._font.characters:
            return COMPLEX if is_shaped(character) else character
        return COMPLEX if any(code in font.characters for font in fallback_fonts()) else REPLACEMENT


class Typeface:
    """A main font, and the fonts for what it lacks."""

    def __init__(self, name: str) -> None:
        self._main = main_font(name)
        self._simple = SimpleCharacters(self._main)
        self._measured = lru_cache(maxsize=20_000)(self._measure)
        self._runs = lru_cache(maxsize=20_000)(self._find_runs)
        self.name = name

    def line(self, text: str) -> Line:
        """Return ``text`` on one line."""
        return self.wrap(text, 1, float("inf"), 1)[0]

    def simple(self, text: str) -> str:
        """Return ``text`` with those characters only that the main font can draw by itself."""
        return self._translate(text).replace(COMPLEX, REPLACEMENT)

    def wrap(self, text: str, size: float, width: float, limit: int) -> list[Line]:
        """Return ``text`` in up to ``limit`` lines of ``width`` points. An ellipsis replaces what does not fit."""
        room = width * 1000 / size
        simple = self._translate(text)
        if COMPLEX not in simple:
            full = self._main.width(simple)
            if full <= room:
                return [Line((Run(self.name, simple, full),), full)]
            return [self._simple_line(line) for line in broken(simple, room, limit, self._main.width)]
        text = unicodedata.normalize("NFC", text[:MAX_TEXT].translate(DROPPED))
        found = zip(text, text.translate(self._simple), strict=True)
        text = "".join(character if simple == COMPLEX else simple for character, simple in found)
        right_to_left = is_right_to_left(text)
        return [self._complex_line(line, right_to_left) for line in broken(text, room, limit, self._measured)]

    def _translate(self, text: str) -> str:
        text = text[:MAX_TEXT]
        if text.isascii() and text.isprintable():
            return text  # most are; this saves a tenth of the time
        return unicodedata.normalize("NFC", text).translate(self._simple)

    def _simple_line(self, text: str) -> Line:
        run = self._main.plain(text)
        return Line((run,), run.width)

    def _complex_line(self, text: str, right_to_left: bool) -> Line:
        runs: list[Run] = []
        for part, is_reversed in visual_parts(text, right_to_left=right_to_left):
            words = WORDS.findall(part)
            for word in reversed(words) if is_reversed else words:
                runs += self._runs(word, is_reversed)
        # Readers turn text from right to left around, whether it comes from the glyphs or not.
        needed = any(map(is_shaped, text)) and not any(map(is_right_to_left_letter, text))
        return Line(tuple(runs), sum(run.width for run in runs), right_to_left, text if needed else "")

    def _measure(self, text: str) -> float:
        return sum(run.width for run in self._find_runs(text, False))

    def _find_runs(self, word: str, is_reversed: bool) -> list[Run]:
        """Return the runs of ``word`` from left to right."""
        parts = [shape(font, text, is_reversed) for font, text in self._by_font(word)]
        return list(chain.from_iterable(reversed(parts) if is_reversed else parts))

    def _by_font(self, text: str) -> Iterator[tuple[Font, str]]:
        """Split ``text`` where no single font has all characters. A mark stays with its letter if that font has it."""
        text = "".join(character for character in text if character not in DIRECTION_MARKS)
        if whole := self._font_with(text):
            yield whole, text
            return
        part, current = "", self._main
        for character in text:
            stays = character in JOINERS or (part and is_mark(character) and ord(character) in current.characters)
            font = current if stays else self._font_with(character) or self._main
            if part and font is not current:
                yield current, part
                part = ""
            part, current = part + character, font
        if part:
            yield current, part

    def _font_with(self, text: str) -> Font | None:
        codes = {ord(character) for character in text if character not in JOINERS}
        return next((font for font in (self._main, *fallback_fonts()) if codes <= font.characters), None)


def shape(font: Font, text: str, is_reversed: bool) -> list[Run]:
    if any(map(is_shaped, text)):
        return font.shaped(text)
    if is_reversed:
        text = "".join(MIRRORED.get(character, character) for character in reversed(text))
    return [font.plain(text)]


@cache
def is_shaped(character: str) -> bool:
    """Return whether the glyph of ``character`` depends on its neighbours."""
    return (
        is_mark(character)
        or character in JOINERS
        or unicodedata.bidirectional(character) in ("R", "AL")
        or "\u0900" <= character <= "\u10ff"  # from Devanagari to Myanmar
        or "\u1780" <= character <= "\u17ff"  # Khmer
    )


@cache
def is_mark(character: str) -> bool:
    return unicodedata.category(character)[0] == "M"


def broken(text: str, room: float, limit: int, measure: Callable[[str], float]) -> list[str]:
    """Break ``text`` into up to ``limit`` lines that are no wider than ``room``."""
    lines: list[str] = []
    line, used = "", 0.0
    for unit in UNITS.findall(text):
        width = measure(unit)
        if used + width <= room:
            if line or unit != " " or not lines:
                line, used = line + unit, used + width
            continue
        if begun := line.rstrip(" "):
            lines.append(begun)
        while width > room and len(lines) <= limit:
            head = fitting(unit, room, measure)
            lines.append(unit[:head])
            unit = unit[head:]
            width = measure(unit)
        line, used = ("", 0.0) if unit == " " else (unit, width)
        if len(lines) > limit:
            break
    if line or not lines:
        lines.append(line)
    if len(lines) > limit:
        last = lines[limit - 1]
        lines[limit - 1 :] = [
            last[: fitting(last, room - measure(ELLIPSIS), measure, joints="")].rstrip(" ") + ELLIPSIS
        ]
    return lines


def fitting(text: str, room: float, measure: Callable[[str], float], joints: Collection[str] = JOINTS) -> int:
    """Return the number of characters from the start that fit into ``room``, but at least 1, with its marks."""
    starts = [
        place for place, character in enumerate(text) if not place or not (is_mark(character) or character in JOINERS)
    ]
    ends = [*starts[1:], len(text)]
    widths = list(accumulate(measure(text[start:end]) for start, end in zip(starts, ends, strict=True)))
    count = max(1, bisect_right(widths, room))
    while count > 1 and measure(text[: ends[count - 1]]) > room:  # letters are wider together than alone
        count -= 1
    joint = max((end for end in ends[count // 2 : count] if text[end - 1] in joints), default=0)
    return joint or ends[count - 1]


@cache
def typefaces() -> tuple[Typeface, Typeface]:
    """Return the regular and the bold typeface. All documents share them."""
    return Typeface("DejaVuSans"), Typeface("DejaVuSans-Bold")
