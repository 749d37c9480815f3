"""Release 1.0 searches in names that are folded by case. tests/contract/test_schema.py has the constraints."""

import sys
import unicodedata

import pytest

from myapp.platform.text import fold_case
from myapp.products.models import Product

WIDTH = Product.__table__.columns.name_folded.type.length

CHANGING = [
    character
    for character in map(chr, range(sys.maxunicode + 1))
    if character.casefold() != character or not unicodedata.is_normalized("NFC", character)
]
"""All characters that folding changes."""


class TestFoldCase:
    @pytest.mark.parametrize(
        ("one", "other"),
        [
            ("\u00e9", "E\u0301"),
            ("\u00df", "SS"),
            ("\u03a3", "\u03c2"),
            ("\u1e9e", "ss"),
            ("\u212a", "k"),
            ("\u00c5", "\u212b"),
        ],
    )
    def test_is_the_same_for(self, one: str, other: str) -> None:
        assert fold_case(one) == fold_case(other)

    @pytest.mark.parametrize(("one", "other"), [("e", "\u00e9"), ("i", "\u0131"), ("o", "0"), ("\u00d8", "o")])
    def test_is_different_for(self, one: str, other: str) -> None:
        assert fold_case(one) != fold_case(other)

    def test_never_outgrows_its_column_and_is_stable(self) -> None:
        for character in CHANGING:
            folded = fold_case(character * 100)
            assert len(folded) <= WIDTH
            assert fold_case(folded) == folded
