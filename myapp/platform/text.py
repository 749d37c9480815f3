"""Text from clients and other systems: what is refused, and how identifiers are compared. Names have ``fold``."""

import unicodedata

from pydantic_core import PydanticCustomError

from .fold import ACCENTS, BLANK_PATTERN, INVISIBLE

LINE_BREAKING = {"Cc", "Cs", "Zl", "Zp"}
"""Unicode's categories of control characters, lone surrogates, and line and paragraph separators."""

UNSEEN = INVISIBLE | ACCENTS | {BLANK_PATTERN}
"""Characters that nobody sees on their own, beside white space and control characters."""


def without_nul(value: str) -> str:
    """Refuse NUL, which PostgreSQL cannot store. For pydantic."""
    if "\x00" in value:
        raise PydanticCustomError("nul_character", "String should not contain the character NUL")
    return value


def is_single_line(value: str) -> bool:
    """Return whether ``value`` fits in one line of a log or a mail, and in a column.

    It then has no control characters, line breaks or lone surrogates.
    """
    return value.isprintable() or not any(unicodedata.category(character) in LINE_BREAKING for character in value)


def single_line(value: str) -> str:
    """Refuse text that is not a single line. For pydantic."""
    if not is_single_line(value):
        raise PydanticCustomError("control_character", "String should not contain control characters or line breaks")
    return value


def visible_length(value: str) -> int:
    """Return how many characters of ``value`` a reader can see. Accents and marks without a letter do not count."""
    if value.isascii() and value.isprintable():
        return len(value) - value.count(" ")
    length = 0
    for character in value:
        category = unicodedata.category(character)
        is_mark = category.startswith("M")
        if not (
            category.startswith("Z") or category in LINE_BREAKING or character in UNSEEN or (is_mark and not length)
        ):
            length += 1
    return length


def visible_name(value: str) -> str:
    """Refuse a name that is not a single line of at least two visible characters. For pydantic."""
    if visible_length(single_line(value)) < 2:
        raise PydanticCustomError("string_too_short", "String should have at least 2 visible characters")
    return value


def visible_line(value: str) -> str:
    """Refuse text that is not a single line with a visible character. For pydantic."""
    if not visible_length(single_line(value)):
        raise PydanticCustomError("string_too_short", "String should have at least 1 visible character")
    return value


def is_storable(value: str) -> bool:
    """Return whether a column can hold ``value``. Drivers fail on NUL and lone surrogates, even in a search."""
    return not any(character == "\x00" or "\ud800" <= character <= "\udfff" for character in value)


def replace_unstorable(value: str) -> str:
    """Return ``value`` with a question mark for each character that no column can hold."""
    return "".join(character if is_storable(character) else "?" for character in value)


def cut(value: str, limit: int = 200) -> str:
    """Return ``value``, or its beginning if it is too long for a line of the log."""
    return value if len(value) <= limit else f"{value[:limit]}…"


def shown(value: object) -> str:
    """Return a value from outside for a line of the log: quoted, with control characters escaped, and cut."""
    return cut(repr(cut(value) if isinstance(value, str) else value))


def error_summary(error: object) -> str:
    """Return the type and the first line of an error, for the log or the operator."""
    return f"{type(error).__name__}: {error}".partition("\n")[0].removesuffix(": ")


def fold_case(value: str) -> str:
    """Return an identifier for a comparison that ignores case in all of Unicode; composed characters are equal (NFC).

    ``fold`` would make different identifiers equal, such as those of two people.
    """
    return unicodedata.normalize("NFC", unicodedata.normalize("NFC", value).casefold())
