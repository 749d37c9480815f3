"""Text from outside: what is refused, and what counts as the same."""

import unicodedata

from pydantic_core import PydanticCustomError

LINE_BREAKING = {"Cc", "Cs", "Zl", "Zp"}
"""Unicode's categories of control characters, lone surrogates and separators of lines."""


def without_nul(value: str) -> str:
    """For pydantic: PostgreSQL stores no NUL."""
    if "\x00" in value:
        raise PydanticCustomError("nul_character", "String should not contain the character NUL")
    return value


def is_single_line(value: str) -> bool:
    """Whether ``value`` may stand in a line of a log or a mail: without control characters, line breaks, and what no
    column holds."""
    return not any(unicodedata.category(character) in LINE_BREAKING for character in value)


def single_line(value: str) -> str:
    """For pydantic: only what ``is_single_line``."""
    if not is_single_line(value):
        raise PydanticCustomError("control_character", "String should not contain control characters or line breaks")
    return value


def is_storable(value: str) -> bool:
    """Whether a column could hold ``value``: NUL and lone surrogates stand in none, and drivers refuse to look."""
    return not any(character == "\x00" or "\ud800" <= character <= "\udfff" for character in value)


def storable(value: str) -> str:
    """``value`` with a question mark for each character that no column holds."""
    return "".join(character if is_storable(character) else "?" for character in value)


def error_summary(error: object) -> str:
    """An error for the log or the operator."""
    return f"{type(error).__name__}: {error}".partition("\n")[0].removesuffix(": ")


def fold(value: str) -> str:
    """``value`` for comparing: without regard to case in all of Unicode, composed the same way (NFC)."""
    return unicodedata.normalize("NFC", unicodedata.normalize("NFC", value).casefold())
