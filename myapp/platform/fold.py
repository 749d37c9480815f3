"""Fold names and queries, so that people find and sort names as they write them.

Two texts have the same fold if people would call them the same words. The fold of a text does not depend on the form in
which its characters are composed (NFC, NFD, NFKC).

Unicode never changes the forms and cases of a character that it has assigned. So a newer Python folds stored names in
the same way, except for letters that its older Unicode did not know.
"""

import re
import unicodedata
from collections.abc import Iterator

MAX_GROWTH = 18
"""The most characters that one character becomes (U+FDFA)."""

MAX_FOLD = 100 * MAX_GROWTH
"""The longest fold of a name of 100 characters."""

MAX_SORT_KEY = 300
"""PostgreSQL's indexes take no more than some 2,700 bytes. A character has up to 4."""


def characters(*ranges: str) -> Iterator[str]:
    """Yield the characters of ranges such as ``"\u200b-\u200f"``, or single ones."""
    for part in ranges:
        for code in range(ord(part[0]), ord(part[-1]) + 1):
            yield chr(code)


INVISIBLE = frozenset(
    characters(
        *("\u00ad", "\u034f", "\u061c", "\u115f-\u1160", "\u17b4-\u17b5", "\u180b-\u180f", "\u200b-\u200f"),
        *("\u202a-\u202e", "\u2060-\u206f", "\u3164", "\ufe00-\ufe0f", "\ufeff", "\uffa0", "\ufff0-\ufffb"),
        *("\U0001bca0-\U0001bca3", "\U0001d173-\U0001d17a", "\U000e0000-\U000e0fff"),
    )
)
"""Unicode's Default_Ignorable_Code_Point, and the marks of annotations (U+FFF9 …). No font draws anything for them."""

BLANK_PATTERN = "\u2800"
"""Braille without dots: a symbol for Unicode, a blank for readers."""

ACCENTS = frozenset(
    characters(
        *("\u0300-\u034e", "\u0350-\u036f", "\u0483-\u0487"),  # Latin, Greek, Cyrillic
        *("\u0591-\u05bd", "\u05bf", "\u05c1-\u05c2", "\u05c4-\u05c5", "\u05c7"),  # Hebrew points
        *("\u0610-\u061a", "\u064b-\u065f", "\u0670", "\u06d6-\u06dc", "\u06df-\u06e4", "\u06e7-\u06e8"),  # Arabic
        *("\u06ea-\u06ed", "\u08d3-\u08e1", "\u08e3-\u08ff"),
        *("\u1ab0-\u1aff", "\u1dc0-\u1dff", "\u20d0-\u20dc", "\u20e1", "\u20e5-\u20f0", "\ufe20-\ufe2f"),
    )
)
"""Marks that people often do not write. Others change the word: the marks of kana, Indic vowel signs, Thai tones."""

LETTERS = dict(
    zip(
        "\u00f0\u00f8\u0111\u0127\u0131\u0138\u0142\u014b\u0167\u0180\u0199\u019a\u01b4\u01b6\u01e5\u0237\u0253\u0257\u0268",
        "dodhiklntbklyzgjbdi",
        strict=True,
    )
)
LETTERS |= {"\u00e6": "ae", "\u00fe": "th", "\u0153": "oe", "\u0640": ""}
"""Letters that Unicode does not decompose: æ ð ø þ đ ħ ł ŋ œ ŧ, the dotless i, and others with a stroke or a hook.

Tatweel (U+0640) only makes an Arabic word longer.
"""

SINGLE_QUOTES = "`\u00b4\u02b9\u02bb\u02bc\u02bd\u02be\u02bf\u02c8\u02ca\u02cb\u0384\u055a\u05f3\u1fbd\u1fbf\u1fef"
SINGLE_QUOTES += "\u1ffd\u1ffe\u2018\u2019\u201a\u201b\u2032\u2035\u2039\u203a\ua78c\uff07\uff40"
DOUBLE_QUOTES = "\u00ab\u00bb\u02ba\u02dd\u02ee\u02f5\u02f6\u05f4\u201c\u201d\u201e\u201f\u2033\u2036\u2e42\u301d\u301e"
DOUBLE_QUOTES += "\u301f\uff02"
DASHES = "\u2043\u02d7\u2212"
"""Further dashes are the characters of Unicode's category Pd."""
SLASHES = "\u2044\u2215"


class Substitutes(dict[int, str | int | None]):
    """The substitutes of single characters, for ``str.translate``: digits of any script, quotes, dashes and others."""

    def __missing__(self, code: int) -> str | int | None:
        character = chr(code)
        match unicodedata.category(character):
            case "Nd":
                return str(unicodedata.decimal(character))
            case "Pd":
                return "-"
            case "Cc":
                return None
        return code


SUBSTITUTES = Substitutes({code: code for code in range(0x20, 0x7F)})
SUBSTITUTES |= str.maketrans(
    dict.fromkeys(INVISIBLE)
    | dict.fromkeys((*characters("\t-\r", "\x1c-\x1f"), "\x85", BLANK_PATTERN), " ")
    | LETTERS
    | dict.fromkeys(SINGLE_QUOTES, "'")
    | dict.fromkeys(DOUBLE_QUOTES, '"')
    | dict.fromkeys(DASHES, "-")
    | dict.fromkeys(SLASHES, "/")
)

ACCENTED = re.compile(f"([^\\W\\d_])[{''.join(sorted(ACCENTS))}]+")
SHORT_I = "\u0438\u0306"
"""Decomposed й: another letter than и, and on the keys of everybody who writes it."""

DIGITS = re.compile("[0-9]+")


def fold(text: str) -> str:
    """Return ``text`` as it is compared: without case, accents, invisible characters and superfluous blanks.

    Compatibility forms, dashes, quotes and digits have one form each. No capital letter of ASCII remains.
    """
    if text.isascii() and text.isprintable():
        folded = text.lower().replace("`", "'")
    else:
        # The first pass takes characters that NFKD makes a blank with an accent, such as U+00B4.
        folded = unicodedata.normalize("NFD", text).translate(SUBSTITUTES)
        folded = unicodedata.normalize("NFKD", unicodedata.normalize("NFKD", folded).casefold())
        folded = folded.translate(SUBSTITUTES).replace(SHORT_I, "\u0439")
        folded = unicodedata.normalize("NFC", ACCENTED.sub(r"\1", folded))
    return " ".join(folded.replace("''", '"').split())  # two apostrophes are often typed for inches


def sort_key(text: str) -> str:
    """Return the key by which people expect ``text`` in a list: its fold, with numbers by their value.

    Compare keys by code points.
    """
    return DIGITS.sub(number_key, fold(text))[:MAX_SORT_KEY]


def number_key(digits: re.Match[str]) -> str:
    """Return digits that sort as the number: the count of its digits, then the digits. The count ends with 0 to 8."""
    number = digits[0].lstrip("0")
    nines, rest = divmod(len(number), 9)
    return "9" * nines + str(rest) + number


def search_words(text: str) -> tuple[str, ...]:
    """Return the words of a query, folded. Leave out a word that is part of another one: names have it anyway."""
    words: list[str] = []
    for word in sorted(set(fold(text).split()), key=lambda word: (-len(word), word)):
        if not any(word in longer for longer in words):
            words.append(word)
    return tuple(words)
