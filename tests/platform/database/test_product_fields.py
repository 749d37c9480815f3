"""Migration 0015: products get fields that an older release does not know."""

import pytest
from alembic import command
from sqlalchemy import Connection, text

from tests.databases import Databases

from .conftest import only_postgresql
from .test_folded_names import INSERT_PRODUCT, INVALID, NAMES, OLD_COLUMNS, make_old, rows, run
from .test_migrations import alembic, migrate, read

BEFORE, THIS = "0014", "0015"
NEW_COLUMNS = text("SELECT sku, sku_folded, gtin, tags, attributes FROM products ORDER BY id")


@pytest.fixture
def empty_url(database_kind: str, databases: Databases) -> str:
    return databases.empty(database_kind)


async def assert_none_is_set(url: str) -> None:
    for sku, folded, gtin, tags, attributes in await rows(url, NEW_COLUMNS):
        assert (sku, folded, gtin) == (None, None, None)
        assert (tags, attributes) in (([], {}), ("[]", "{}"))


async def test_products_get_empty_fields_and_keep_the_others(empty_url: str) -> None:
    await make_old(empty_url, NAMES)
    before = await rows(empty_url, OLD_COLUMNS)
    for _ in range(2):
        migrate(empty_url)
        assert await rows(empty_url, OLD_COLUMNS) == before
        await assert_none_is_set(empty_url)
        await alembic(empty_url, command.downgrade, BEFORE)
        assert await rows(empty_url, OLD_COLUMNS) == before


async def test_an_older_release_goes_on_writing(empty_url: str) -> None:
    migrate(empty_url)

    def write(connection: Connection) -> None:
        connection.execute(INSERT_PRODUCT, {"name": "Lamp", "folded": "lamp", "active": True})
        connection.commit()

    await read(empty_url, write)
    await run(empty_url, "UPDATE products SET name = 'Torch', stock = 1")
    await assert_none_is_set(empty_url)
    await run(empty_url, "DELETE FROM products")


@only_postgresql
async def test_an_interrupted_migration_can_have_left_anything(empty_url: str) -> None:
    """Some of the indexes, and one that was not built to its end."""
    migrate(empty_url, migrations_target=THIS)
    await run(
        empty_url,
        f"UPDATE alembic_version SET version_num = '{BEFORE}'",
        "UPDATE pg_index SET indisvalid = false WHERE indexrelid = 'uq_products_sku'::regclass",
        "DROP INDEX ix_products_tags_gin",
    )
    migrate(empty_url)
    assert await rows(empty_url, INVALID) == []
    assert await rows(empty_url, text("SELECT to_regclass('ix_products_tags_gin') IS NULL")) == [(False,)]
    await alembic(empty_url, command.check)
