"""Rows for the products table: always the same, and one in twenty is inactive."""

import asyncio
import random
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from datetime import UTC, datetime, timedelta
from decimal import Decimal

from benchmarks.postgres import connect
from myapp.platform.fold import fold, sort_key
from myapp.platform.text import fold_case

COMMON_WORD = "table"
INACTIVE_EVERY = 20

MAKES = ["Walnut", "Oak", "Steel", "Linen", "Brass", "Café", "Größe L", "Glass", "Cork", "Wool", "İznik", "Marble"]
THINGS = ["Table", "Chair", "Lamp", "Shelf", "Desk", "Sofa", "Bench", "Mirror", "Rug", "Vase", "Clock", "Stool"]
DESCRIPTIONS = [None, "Made to order.", "Ships flat, with the tools that it needs and a leaflet in six languages."]
COLUMNS = ["name", "name_folded", "name_search", "name_sort", "description", "price", "stock", "active", "version"]
COLUMNS += ["created_at", "updated_at"]


START = datetime(2026, 1, 1, tzinfo=UTC)


def created_at(number: int) -> datetime:
    """Return the time of creation and last update of the product with this id."""
    return START + timedelta(seconds=number)


def rows(count: int) -> Iterator[tuple[object, ...]]:
    chance = random.Random(1)
    for number in range(1, count + 1):
        name = f"{chance.choice(MAKES)} {chance.choice(THINGS)} {number}"
        names = name, fold_case(name), fold(name), sort_key(name)
        price = Decimal(chance.randint(1, 500_000)) / 100
        created = created_at(number)
        active = number % INACTIVE_EVERY != 0
        yield *names, chance.choice(DESCRIPTIONS), price, chance.randint(0, 500), active, 1, created, created


def fill(database_url: str, count: int) -> None:
    """Fill the empty table. The ids are 1 to ``count``, in the order of the rows."""
    if database_url.startswith("sqlite"):
        insert(database_url.removeprefix("sqlite+aiosqlite:///"), count)
    else:
        asyncio.run(copy(database_url, count))


def insert(file: str, count: int) -> None:
    statement = f"INSERT INTO products ({', '.join(COLUMNS)}) VALUES ({', '.join('?' * len(COLUMNS))})"
    with closing(sqlite3.connect(file)) as connection, connection:
        connection.execute("PRAGMA cache_size = -400000")  # kB; some indexes are not in the order of the rows
        connection.executemany(statement, (tuple(map(to_sqlite, row)) for row in rows(count)))


def to_sqlite(value: object) -> object:
    """Convert ``value`` in the same way as the application's column types."""
    match value:
        case Decimal():
            return float(value)
        case datetime():
            return value.strftime("%Y-%m-%d %H:%M:%S.%f")
    return value


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
