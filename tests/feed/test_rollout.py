"""Events of older releases: written before migration 0018, and by processes that run beside it."""

import httpx
import pytest
from fastapi import FastAPI
from pico_sqlalchemy import SessionManager
from sqlalchemy import text

from ..conftest import client_of
from ..databases import Databases, migrate
from ..fixture_types import StartContainer
from ..issuer import Issuer
from .reader import FEED, follow, read

INSERT = text(
    "INSERT INTO events (type, aggregate, aggregate_id, version, payload, actor, occurred_at)"
    " VALUES ('product.created', 'product', :id, 1, '{}', 'ann', '2026-01-02 03:04:05')"
)
BACK = text("UPDATE alembic_version SET version_num = '0017'")


async def write(manager: SessionManager, *ids: str) -> None:
    """Write events as an older release does."""
    async with manager.engine.begin() as connection:
        for id in ids:
            await connection.execute(INSERT, {"id": id})


async def aggregates(client: httpx.AsyncClient, count: int, after: str | None = None) -> list[str]:
    return [event["aggregate_id"] for event in await follow(client, count, after)]


async def test_older_events_come_first_in_the_order_of_their_ids(
    start: StartContainer, databases: Databases, database_kind: str, issuer: Issuer
) -> None:
    url = databases.empty(database_kind)
    migrate(url, "0017")
    older = start({"DATABASE__URL": url, "DATABASE__MIGRATIONS_TARGET": "0017", "EVENTS__RELAY": "false"})
    await write(older.get(SessionManager), "a", "b", "c")
    newer = start({"DATABASE__URL": url, "EVENTS__RELAY": "false"})
    async with client_of(newer.get(FastAPI), issuer.token("product-manager")) as client:
        assert await aggregates(client, 3) == ["a", "b", "c"]
        page = await read(client, limit=2)
        created = (await client.post("/api/v1/products/", json={"name": "Lamp", "price": 1})).json()
        assert await aggregates(client, 2, page["next"]) == ["c", str(created["id"])]
        await write(older.get(SessionManager), "d")
        assert await aggregates(client, 3, page["next"]) == ["c", str(created["id"]), "d"]


@pytest.mark.parametrize("database_kind", ["postgresql"], indirect=True, scope="session")
async def test_an_interrupted_migration_can_be_repeated(
    start: StartContainer, database_url: str, issuer: Issuer
) -> None:
    """On SQLite it is one transaction."""
    container = start({"DATABASE__URL": database_url, "EVENTS__RELAY": "false"})
    await write(container.get(SessionManager), "1")
    async with client_of(container.get(FastAPI), issuer.token("product-manager")) as client:
        events = await follow(client, 1)
        async with container.get(SessionManager).engine.begin() as connection:
            await connection.execute(BACK)
        migrate(database_url)
        assert (await client.get(FEED)).json()["items"] == events
