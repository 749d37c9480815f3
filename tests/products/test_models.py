"""What the table does by itself."""

import sys
import unicodedata

import pytest
from pico_ioc import PicoContainer
from pico_sqlalchemy import SessionManager
from sqlalchemy import text
from sqlalchemy.exc import DBAPIError

from myapp.platform.errors import ConstraintViolationError
from myapp.platform.text import fold
from myapp.products.models import Product
from myapp.products.services import ProductService

WIDTH = Product.__table__.columns.name_folded.type.length

CHANGING = [
    character
    for character in map(chr, range(sys.maxunicode + 1))
    if character.casefold() != character or not unicodedata.is_normalized("NFC", character)
]
"""Every character that folding changes."""


class TestFold:
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
        assert fold(one) == fold(other)

    @pytest.mark.parametrize(("one", "other"), [("e", "\u00e9"), ("i", "\u0131"), ("o", "0"), ("\u00d8", "o")])
    def test_is_different_for(self, one: str, other: str) -> None:
        assert fold(one) != fold(other)

    def test_never_outgrows_its_column_and_is_stable(self) -> None:
        for character in CHANGING:
            folded = fold(character * 100)
            assert len(folded) <= WIDTH
            assert fold(folded) == folded


class TestConstraints:
    """The last word, for whoever writes past the services."""

    @pytest.mark.parametrize(
        ("column", "value", "constraint"),
        [
            ("price", "0", "ck_products_price_positive"),
            ("price", "-1", "ck_products_price_positive"),
            ("stock", "-1", "ck_products_stock_not_negative"),
            ("name", "'a'", "ck_products_name_length"),
        ],
    )
    async def test_refuses(
        self, service: ProductService, container: PicoContainer, column: str, value: str, constraint: str
    ) -> None:
        await service.create({"name": "Lamp", "price": 1})
        with pytest.raises(ConstraintViolationError) as refused:
            await self.execute(container, f"UPDATE products SET {column} = {value}")
        assert (refused.value.constraint, refused.value.field) == (constraint, column)

    @pytest.mark.parametrize("column", ["name", "name_folded", "price", "stock", "active", "version", "created_at"])
    async def test_refuses_null(self, service: ProductService, container: PicoContainer, column: str) -> None:
        await service.create({"name": "Lamp", "price": 1})
        with pytest.raises(DBAPIError):
            await self.execute(container, f"UPDATE products SET {column} = NULL")

    async def execute(self, container: PicoContainer, statement: str) -> None:
        async with container.get(SessionManager).engine.begin() as connection:
            await connection.execute(text(statement))
