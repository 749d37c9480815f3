"""Rows for the products table: the same ones every time, one in twenty of them inactive."""

import asyncio
import random
import unicodedata
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from decimal import Decimal

from benchmarks.postgres import connect

COMMON_WORD = "table"
INACTIVE_EVERY = 20

MAKES = ["Walnut", "Oak", "Steel", "Linen", "Brass", "Café", "Größe L", "Glass", "Cork", "Wool", "İznik", "Marble"]
THINGS = ["Table", "Chair", "Lamp", "Shelf", "Desk", "Sofa", "Bench", "Mirror", "Rug", "Vase", "Clock", "Stool"]
DESCRIPTIONS = [None, "Made to order.", "Ships flat, with the tools that it needs and a leaflet in six languages."]
COLUMNS = ["name", "name_folded", "description", "price", "stock", "active", "version", "created_at", "updated_at"]


def rows(count: int) -> Iterator[tuple[object, ...]]:
    chance = random.Random(1)
    start = datetime(2026, 1, 1, tzinfo=UTC)
    for number in range(1, count + 1):
        name = f"{chance.choice(MAKES)} {chance.choice(THINGS)} {number}"
        folded = unicodedata.normalize("NFC", name.casefold())
        price = Decimal(chance.randint(1, 500_000)) / 100
        made = start + timedelta(seconds=number)
        active = number % INACTIVE_EVERY != 0
        yield name, folded, chance.choice(DESCRIPTIONS), price, chance.randint(0, 500), active, 1, made, made


def fill(database_url: str, count: int) -> None:
    """Ids are 1..count, in the order of the rows."""
    asyncio.run(copy(database_url, count))


async def copy(database_url: str, count: int) -> None:
    connection = await connect(database_url)
    try:
        await connection.copy_records_to_table("products", records=rows(count), columns=COLUMNS)
        await connection.execute("VACUUM ANALYZE products")
        found = tuple(await connection.fetchrow("SELECT min(id), max(id), count(*) FROM products"))
        if found != (1, count, count):
            raise SystemExit(f"The products table was not empty: {found}")
    finally:
        await connection.close()
