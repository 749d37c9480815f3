"""The constraints of the migrated schema, tried in SQL on both databases: they hold for every writer."""

import uuid
from collections.abc import AsyncIterator
from datetime import UTC, date, datetime
from typing import Any

import pytest
from pico_ioc import PicoContainer
from pico_sqlalchemy import AppBase
from sqlalchemy import CheckConstraint, Column, ForeignKeyConstraint, NullPool, UniqueConstraint, insert, null, text
from sqlalchemy.exc import DBAPIError
from sqlalchemy.ext.asyncio import AsyncConnection, create_async_engine

NOW = datetime(2026, 1, 2, tzinfo=UTC)
TIMES = {"created_at": NOW, "updated_at": NOW}
WEBHOOK = uuid.uuid4()

ROWS: dict[str, dict[str, Any]] = {
    "products": {
        "name": "Lamp",
        "name_folded": "lamp",
        "name_search": "lamp",
        "name_sort": "lamp",
        "price": 1,
        "version": 1,
        "sku_folded": "lmp-1",
        **TIMES,
    },
    "product_counts": {"slot": 99, "active": 0, "inactive": 0},
    "users": {"subject": "ann", "email": None, "name": None, **TIMES},
    "reports": {"kind": "inventory", "format": "csv", "owner": "ann", "inline": False, **TIMES},
    "events": {
        "id": 1,
        "type": "a.b",
        "aggregate": "a",
        "aggregate_id": "1",
        "version": 1,
        "payload": {},
        "actor": "ann",
    },
    "event_deliveries": {"event_id": 1, "handler": "audit", "aggregate": "a", "aggregate_id": "1"},
    "signing_keys": {"name": "another", "key": b"secret", "created_at": NOW},
    "idempotency_keys": {"digest": b"d" * 32, "fingerprint": b"f" * 32, "status": 201, "created_at": NOW},
    "webhooks": {"id": WEBHOOK, "url": "https://example.com/", "event_types": ["product.*"], "owner": "ann", **TIMES},
    "webhook_attempts": {"webhook_id": WEBHOOK, "event_id": 1, "attempted_at": NOW, "duration_ms": 5},
    "event_counts": {"day": date(2026, 1, 2), "type": "a.b", "count": 1, **TIMES},
}
"""A valid row for each table. Later rows can refer to earlier ones."""

REFUSED: list[tuple[str, dict[str, Any], str]] = [
    ("products", {"price": 0}, "ck_products_price_positive"),
    ("products", {"price": -1}, "ck_products_price_positive"),
    ("products", {"stock": -1}, "ck_products_stock_not_negative"),
    ("products", {"name": "a"}, "ck_products_name_length"),
    ("products", {"id": 2}, "uq_products_sku"),
    ("users", {"subject": ""}, "ck_users_subject_length"),
    ("users", {"id": uuid.uuid4()}, "uq_users_subject"),
    ("reports", {"format": "xls"}, "ck_reports_format"),
    ("reports", {"state": "lost"}, "ck_reports_state"),
    ("reports", {"progress": -1}, "ck_reports_progress"),
    ("reports", {"progress": 101}, "ck_reports_progress"),
    ("reports", {"period_start": NOW, "period_end": NOW}, "ck_reports_period"),
    ("events", {"id": 2}, "uq_events_aggregate_version_type"),
    ("event_deliveries", {"state": "lost"}, "ck_event_deliveries_state"),
    ("event_deliveries", {"event_id": 2}, "fk_event_deliveries_event_id_events"),
    ("idempotency_keys", {"digest": b"e" * 32, "status": 199}, "ck_idempotency_keys_status"),
    ("idempotency_keys", {"digest": b"e" * 32, "status": 300}, "ck_idempotency_keys_status"),
    ("webhooks", {"id": uuid.uuid4(), "disabled_reason": "bored"}, "ck_webhooks_disabled_reason"),
    ("webhook_attempts", {"error": "lost"}, "ck_webhook_attempts_error"),
    ("webhook_attempts", {"webhook_id": uuid.uuid4()}, "fk_webhook_attempts_webhook_id_webhooks"),
    ("event_counts", {"count": 0}, "ck_event_counts_count_positive"),
]
"""A change of that row, and the constraint that refuses it."""

TABLES = AppBase.metadata.tables


@pytest.fixture
async def connection(container: PicoContainer, shared_url: str) -> AsyncIterator[AsyncConnection]:
    """A connection in which each table has one row. The rows are rolled back when the test ends."""
    engine = create_async_engine(shared_url, poolclass=NullPool)
    async with engine.connect() as connection:
        if engine.dialect.name == "sqlite":
            await connection.execute(text("PRAGMA foreign_keys=ON"))
            await connection.commit()
        for name in ROWS:
            await connection.execute(insert(TABLES[name]), ROWS[name])
        yield connection
        await connection.rollback()


async def refusal(connection: AsyncConnection, table: str, **changes: Any) -> str:
    """Return the database's error for a row with ``changes``, or "" if it accepts the row."""
    try:
        async with connection.begin_nested():
            await connection.execute(insert(TABLES[table]).values(ROWS[table] | changes))
    except DBAPIError as error:
        return str(error.orig)
    return ""


@pytest.mark.one_database
def test_every_table_and_constraint_is_here(container: PicoContainer) -> None:
    assert set(ROWS) == set(TABLES)
    kinds = (CheckConstraint, ForeignKeyConstraint, UniqueConstraint)
    constraints = {item.name for table in TABLES.values() for item in table.constraints if isinstance(item, kinds)}
    constraints |= {index.name for table in TABLES.values() for index in table.indexes if index.unique}
    assert {constraint for _, _, constraint in REFUSED} == constraints


async def test_each_constraint_refuses(connection: AsyncConnection, subtests: pytest.Subtests) -> None:
    for table, changes, constraint in REFUSED:
        with subtests.test(f"{constraint}: {changes}"):
            message = await refusal(connection, table, **changes)
            assert message
            # SQLite does not name a constraint of these two kinds.
            assert (
                constraint in message
                or "UNIQUE constraint failed" in message
                or "FOREIGN KEY constraint failed" in message
            )


async def test_each_column_that_needs_a_value_refuses_null(
    connection: AsyncConnection, subtests: pytest.Subtests
) -> None:
    for table in TABLES.values():
        for column in table.columns:
            if not column.nullable and not is_filled_by_sqlite(column):
                with subtests.test(str(column)):
                    message = await refusal(connection, table.name, **{column.name: null()})
                    assert column.name in message
                    assert "null" in message.lower()


def is_filled_by_sqlite(column: Column[Any]) -> bool:
    """Return whether SQLite numbers the column itself: then NULL means the next number."""
    return column.primary_key and column.autoincrement is True
