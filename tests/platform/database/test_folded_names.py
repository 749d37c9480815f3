"""Migrations 0010 and 0011: names of release 1.0 are folded anew."""

import asyncio
import signal
import time
from typing import Any

import asyncpg
import pytest
from alembic import command
from sqlalchemy import Connection, text

from myapp.platform.database.migrations import lock
from myapp.platform.database.revisions import revisions_of
from myapp.platform.fold import fold, sort_key
from myapp.platform.text import fold_case
from tests.databases import Databases, libpq_url
from tests.issuer import Issuer

from .conftest import only_postgresql
from .test_event_baseline import environment_of, run_module
from .test_migrations import alembic, migrate, read

BEFORE = "0009"
MOMENT = "2026-01-02 03:04:05.678901"
NAMES = [
    "Caf\u00e9 \u00c9TAGE",
    "\u0141\u00f3d\u017a  10",
    "Lamp\u200b",
    "\u3164\u3164",
    "two\nlines",
    "A-007",
    "x" * 100,
]

INSERT_PRODUCT = text(
    "INSERT INTO products (name, name_folded, description, price, stock, active, version, created_at, updated_at)"
    f" VALUES (:name, :folded, 'as it was', 9.5, 3, :active, 7, '{MOMENT}', '{MOMENT}')"
)
INSERT_USER = text(
    "INSERT INTO users (id, subject, email, name, search_text, is_active, version, created_at, updated_at)"
    f" VALUES (:id, :subject, :email, :name, :text, true, 7, '{MOMENT}', '{MOMENT}')"
)
PRODUCTS = text("SELECT name, name_search, name_sort FROM products ORDER BY id")
USERS = text("SELECT email, name, search_fold, email_sort, name_sort FROM users ORDER BY id")
OLD_COLUMNS = text(
    "SELECT id, name, name_folded, description, price, stock, active, version, created_at, updated_at"
    " FROM products ORDER BY id"
)
FOLDED = text("SELECT count(*) FROM products WHERE name_search <> 'UNFOLDED'")
INVALID = text("SELECT relname FROM pg_index JOIN pg_class ON pg_class.oid = indexrelid WHERE NOT indisvalid")


async def rows(url: str, statement: Any) -> list[Any]:
    found: list[Any] = await read(url, lambda connection: connection.execute(statement).all())
    return found


async def run(url: str, *statements: str) -> None:
    def execute(connection: Connection) -> None:
        for statement in statements:
            connection.execute(text(statement))
        connection.commit()

    await read(url, execute)


@pytest.fixture
def empty_url(database_kind: str, databases: Databases) -> str:
    return databases.empty(database_kind)


async def make_old(url: str, names: list[str]) -> None:
    """Create the database of release 1.0 with these products, and a user of each of the first names."""

    def insert(connection: Connection) -> None:
        lock(connection)
        products = [{"name": name, "folded": fold_case(name), "active": len(name) % 2 == 0} for name in names]
        connection.execute(INSERT_PRODUCT, products)
        texts = [(f"{number}@x", name) for number, name in enumerate(names[:50])] + [(None, None)]
        users = [
            {"id": f"{n:032}", "subject": str(n), "email": email, "name": name, "text": fold_case(f"{email}\n{name}")}
            for n, (email, name) in enumerate(texts)
        ]
        connection.execute(INSERT_USER, users)
        connection.commit()

    await alembic(url, command.upgrade, BEFORE)
    await read(url, insert)


async def assert_folded(url: str) -> None:
    for product in await rows(url, PRODUCTS):
        assert (product.name_search, product.name_sort) == (fold(product.name), sort_key(product.name))
    for user in await rows(url, USERS):
        assert user.search_fold == f"{fold(user.email or '')}\n{fold(user.name or '')}"
        assert user.email_sort == (user.email and sort_key(user.email))
        assert user.name_sort == (user.name and sort_key(user.name))


async def test_names_are_folded_and_nothing_else_changes(empty_url: str) -> None:
    await make_old(empty_url, NAMES)
    before = await rows(empty_url, OLD_COLUMNS)
    migrate(empty_url)
    await assert_folded(empty_url)
    assert await rows(empty_url, OLD_COLUMNS) == before
    assert await rows(empty_url, text("SELECT id FROM events")) == []
    for _ in range(2):
        await alembic(empty_url, command.downgrade, BEFORE)
        assert await rows(empty_url, OLD_COLUMNS) == before
        await alembic(empty_url, command.upgrade, "head")
        await assert_folded(empty_url)


@only_postgresql
async def test_an_interrupted_migration_can_have_left_anything(empty_url: str) -> None:
    """A trigger without folded names, folded names without indexes, and an index that was not built to its end."""
    await make_old(empty_url, NAMES)
    migrate(empty_url, migrations_target="0011")
    await run(
        empty_url,
        "UPDATE alembic_version SET version_num = '0009'",
        "UPDATE products SET name_search = 'UNFOLDED' WHERE id > 3",
        "UPDATE users SET search_fold = 'UNFOLDED', name_sort = NULL",
        "UPDATE pg_index SET indisvalid = false WHERE indexrelid = 'ix_products_name_search_trgm'::regclass",
        "DROP INDEX ix_products_name_sort, ix_products_unfolded, ix_users_unfolded",
    )
    migrate(empty_url)
    await assert_folded(empty_url)
    assert await rows(empty_url, INVALID) == []
    await alembic(empty_url, command.check)


@pytest.mark.slow
@only_postgresql
async def test_it_waits_for_a_long_transaction_without_stopping_others(empty_url: str) -> None:
    """A backup, for example, reads the table for hours."""
    await make_old(empty_url, NAMES)
    backup, other = await asyncpg.connect(libpq_url(empty_url)), await asyncpg.connect(libpq_url(empty_url))
    transaction = backup.transaction()
    await transaction.start()
    await backup.execute("LOCK TABLE products IN ACCESS SHARE MODE")
    migrating = asyncio.create_task(asyncio.to_thread(migrate, empty_url))
    end = time.monotonic() + 4
    while time.monotonic() < end:
        await other.fetch("SELECT * FROM products", timeout=2)
        await asyncio.sleep(0.05)
    assert not migrating.done()
    await transaction.rollback()
    await migrating
    await assert_folded(empty_url)
    await backup.close()
    await other.close()


@pytest.mark.slow
async def test_a_killed_migration_goes_on_when_it_is_started_again(
    empty_url: str, issuer: Issuer, is_sqlite: bool
) -> None:
    await make_old(empty_url, [f"N\u00e4me {number}" for number in range(10_000)])
    before = await rows(empty_url, OLD_COLUMNS)
    environment = environment_of(empty_url, issuer)
    killed = run_module("tests.platform.database.die_migrating", "3", "UPDATE products", environment=environment)
    assert killed.returncode == -signal.SIGKILL, killed.stderr
    assert await read(empty_url, revisions_of) == (BEFORE,)
    if not is_sqlite:
        assert await rows(empty_url, FOLDED) == [(6000,)]
    migrate(empty_url)
    await assert_folded(empty_url)
    assert await rows(empty_url, OLD_COLUMNS) == before


@pytest.mark.slow
async def test_processes_at_once_on_an_old_database(empty_url: str, issuer: Issuer) -> None:
    await make_old(empty_url, [f"N\u00e4me {number}" for number in range(2500)])
    started = run_module("tests.platform.database.start_together", "4", environment=environment_of(empty_url, issuer))
    assert started.returncode == 0, started.stderr
    await assert_folded(empty_url)
