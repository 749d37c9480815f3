"""The two migrations of ``users``: the table, and a later column."""

from typing import Any

from alembic import command
from sqlalchemy import Connection, text

from ..databases import Databases
from ..platform.database.test_migrations import alembic, read
from .conftest import NOBODY

ROW = {
    "id": NOBODY.replace("-", ""),
    "subject": "ann",
    "search_text": "\n",
    "is_active": True,
    "version": 1,
    "created_at": "2026-01-01",
    "updated_at": "2026-01-01",
}


def insert(connection: Connection) -> None:
    values = ", ".join(repr(value) for value in ROW.values())
    connection.execute(text(f"INSERT INTO users ({', '.join(ROW)}) VALUES ({values})"))
    connection.commit()


def rows(connection: Connection) -> list[dict[str, Any]]:
    return [dict(row) for row in connection.execute(text("SELECT * FROM users")).mappings()]


async def test_rows_outlive_a_column_that_comes_and_goes(database_kind: str, databases: Databases) -> None:
    url = databases.empty(database_kind)
    await alembic(url, command.upgrade, "0007")
    await read(url, insert)
    [before] = await read(url, rows)
    assert "phone" not in before
    for _ in range(2):
        await alembic(url, command.upgrade, "0008")
        assert await read(url, rows) == [before | {"phone": None}]
        await alembic(url, command.downgrade, "0007")
        assert await read(url, rows) == [before]
