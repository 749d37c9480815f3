"""Migration 0005: the history of an older product begins with a snapshot of it."""

import os
import signal
import subprocess
import sys
from typing import Any

import httpx
import pytest
from alembic import command
from fastapi import FastAPI
from sqlalchemy import Connection, text

from myapp.boot import ROOT
from myapp.platform.database.migrations import lock
from myapp.platform.database.revisions import revisions_of
from tests.conftest import client_of
from tests.databases import Databases
from tests.issuer import AUDIENCE, Issuer

from ...fixture_types import StartContainer
from .test_migrations import alembic, migrate, read

pytestmark = pytest.mark.slow

BEFORE = "0004"

COLUMNS = "name, name_folded, description, price, stock, active, version, created_at, updated_at"
INSERT = text(
    f"INSERT INTO products ({COLUMNS}) VALUES (:name, :name, :description, :price, :stock, :active, :version,"
    " '2026-01-02 03:04:05.678901+00:00', '2026-01-02 03:04:05.678901+00:00')"
)
EVENTS = text(
    "SELECT count(*), count(DISTINCT aggregate_id), min(id), max(id) FROM events WHERE type = 'product.created'"
)
DELIVERY_COUNT = text(
    "SELECT count(*) FROM event_deliveries JOIN events ON events.id = event_id WHERE events.type = 'product.created'"
)


def old_product(number: int, **members: Any) -> dict[str, Any]:
    product = {"description": None, "price": 9.5, "stock": number, "active": True, "version": 1}
    return {"name": f"product {number}", **product, **members}


@pytest.fixture
def empty_url(database_kind: str, databases: Databases) -> str:
    return databases.empty(database_kind)


async def make_old(url: str, products: list[dict[str, Any]]) -> None:
    """Create the database of a release that recorded no events."""

    def insert(connection: Connection) -> None:
        is_sqlite = connection.dialect.name == "sqlite"
        lock(connection)  # otherwise each row would be a transaction on SQLite
        statement = text(INSERT.text.replace("+00:00", "")) if is_sqlite else INSERT
        connection.execute(statement, products)
        connection.commit()

    await alembic(url, command.upgrade, BEFORE)
    await read(url, insert)


async def count_baselines(url: str) -> tuple[int, int]:
    """Return the number of products with a first event, and the number of such events."""
    found = await read(url, lambda connection: connection.execute(EVENTS).one())
    return found[1], found[0]


def environment_of(url: str, issuer: Issuer) -> dict[str, str]:
    return {
        **os.environ,
        "DATABASE__URL": url,
        "AUTH_CLIENT__ISSUER": issuer.url,
        "AUTH_CLIENT__AUDIENCE": AUDIENCE,
    }


def run_module(*arguments: str, environment: dict[str, str]) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", *arguments]
    return subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, timeout=60, check=False)


async def history(client: httpx.AsyncClient, id: int) -> list[dict[str, Any]]:
    items: list[dict[str, Any]] = (await client.get(f"/api/v1/products/{id}/history")).json()["items"]
    return items


async def test_a_history_begins_with_what_a_product_was(empty_url: str, start: StartContainer, issuer: Issuer) -> None:
    changed = old_product(2, description="Łampa", price=9_999_999_999.99, active=False, version=7)
    await make_old(empty_url, [old_product(1), changed])
    migrate(empty_url)
    container = start({"DATABASE__URL": empty_url})
    async with client_of(container.get(FastAPI), issuer.token(role="product-manager")) as manager:
        await manager.put("/api/v1/products/2", json={"active": True})
        first, second = await history(manager, 2)
        assert (first["type"], first["version"], first["actor"]) == ("product.created", 7, "system")
        assert (first["request_id"], first["occurred_at"]) == (None, "2026-01-02T03:04:05.678901Z")
        fields = ("name", "description", "price", "stock", "active")
        assert (first["before"], first["after"]) == ({}, {name: changed[name] for name in fields})
        assert (second["type"], second["version"]) == ("product.activated", 8)
        assert [change["after"]["stock"] for change in await history(manager, 1)] == [1]
    assert await read(empty_url, lambda connection: connection.scalar(DELIVERY_COUNT)) == 0


async def test_a_product_with_events_gets_no_first_event(empty_url: str, start: StartContainer, issuer: Issuer) -> None:
    await make_old(empty_url, [old_product(1)])
    migrate(empty_url)
    container = start({"DATABASE__URL": empty_url})
    async with client_of(container.get(FastAPI), issuer.token(role="product-manager")) as manager:
        await manager.post("/api/v1/products/", json={"name": "Lamp", "price": 1})
        for id in (1, 2):
            await manager.put(f"/api/v1/products/{id}", json={"stock": 77})
    await alembic(empty_url, command.downgrade, BEFORE)
    assert await count_baselines(empty_url) == (2, 2)
    migrate(empty_url)
    assert await count_baselines(empty_url) == (2, 2)


@pytest.mark.slow
async def test_a_killed_migration_goes_on_when_it_is_started_again(
    empty_url: str, issuer: Issuer, is_sqlite: bool
) -> None:
    await make_old(empty_url, [old_product(number) for number in range(1, 10_001)])
    environment = environment_of(empty_url, issuer)
    killed = run_module("tests.platform.database.die_migrating", "5", "INSERT INTO events", environment=environment)
    assert killed.returncode == -signal.SIGKILL, killed.stderr
    assert await count_baselines(empty_url) == ((0, 0) if is_sqlite else (5000, 5000))
    assert await read(empty_url, revisions_of) == (BEFORE,)
    migrate(empty_url)
    assert await count_baselines(empty_url) == (10_000, 10_000)
    lowest, highest = (await read(empty_url, lambda connection: connection.execute(EVENTS).one()))[2:]
    assert highest - lowest == 9_999  # the second run wrote no event twice


@pytest.mark.slow
async def test_eight_processes_at_once_on_an_old_database(empty_url: str, issuer: Issuer) -> None:
    await make_old(empty_url, [old_product(number) for number in range(1, 2501)])
    started = run_module("tests.platform.database.start_together", "8", environment=environment_of(empty_url, issuer))
    assert started.returncode == 0, started.stderr
    assert await count_baselines(empty_url) == (2500, 2500)
