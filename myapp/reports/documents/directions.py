"""The direction of text: the Unicode bidirectional algorithm (UAX 9), by python-bidi."""

import unicodedata
from collections.abc import Iterator

from bidi import get_base_level, get_display
from bidi.mirror import MIRRORED as MIRRORED

MARK = "\u034f"
"""An invisible combining character: it takes the direction of the character before it."""

SEPARATORS = frozenset(",.:/+-\u00a0\u060c\u2044\u2212")
"""Characters that connect two numbers only if nothing stands between, so they get no MARK."""

IGNORED = dict.fromkeys([ord(MARK), *range(0x202A, 0x202F), *range(0x2066, 0x206A)])
"""For str.translate: removes MARK, and what would let a text pretend another order."""


def is_right_to_left(text: str) -> bool:
    """Return the direction of a paragraph: that of its first letter."""
    return bool(text) and get_base_level(text) == 1


def visual_parts(line: str, *, right_to_left: bool) -> Iterator[tuple[str, bool]]:
    """Yield the parts of ``line`` from left to right, and whether a part runs from right to left.

    The text of a part is in its logical order, as it is read. python-bidi returns the order of characters, but not
    their directions: MARK tells them, because it stands before its character if that runs from right to left.
    """
    if not right_to_left and not any(map(is_right_to_left_letter, line)):
        yield line, False
        return
    marked = "".join(letter if letter in SEPARATORS else letter + MARK for letter in line)
    display = get_display(marked, base_dir="R" if right_to_left else "L")
    part, reverse, place = "", False, 0
    while place < len(display):
        letter, following = display[place], display[place + 1 : place + 2]
        if letter == MARK:
            direction, letter = True, following
        elif letter in SEPARATORS:
            direction = reverse
        else:
            direction = False
        place += 1 if letter in SEPARATORS and display[place] != MARK else 2
        if direction != reverse and part:
            yield part, reverse
            part = ""
        reverse = direction
        part = letter + part if reverse else part + letter
    if part:
        yield part, reverse


def is_right_to_left_letter(character: str) -> bool:
    return unicodedata.bidirectional(character) in ("R", "AL", "AN")
