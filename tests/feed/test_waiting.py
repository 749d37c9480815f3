"""Long polling: a request waits for the next event."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from uuid import UUID

import httpx
import pytest
from fastapi import FastAPI
from pico_ioc import PicoContainer
from pico_sqlalchemy import AppBase, SessionManager
from sqlalchemy import event

from myapp.feed.watcher import FeedWatcher
from myapp.platform.database.sessions import TransactionalSessionManager
from myapp.platform.errors import DatabaseUnavailableError
from myapp.platform.stopping import Stopping
from myapp.users.services import UserService

from ..conftest import client_of
from ..databases import empty_tables
from ..fixture_types import Create, StartContainer
from ..issuer import Issuer
from ..platform.outbox.room import until
from ..platform.web.problems import assert_problem
from .reader import FEED, end_of, follow, read


async def until_waiting(container: PicoContainer, count: int = 1) -> None:
    watcher = container.get(FeedWatcher)
    await until(lambda: watcher.waiting == count)


async def test_it_ends_when_an_event_comes(
    container: PicoContainer, manager: httpx.AsyncClient, create: Create
) -> None:
    after = await end_of(manager, 0)
    waiting = asyncio.create_task(follow(manager, 1, after))
    await until_waiting(container)
    id = (await create("Lamp"))["id"]
    assert [event["aggregate_id"] for event in await waiting] == [str(id)]


async def test_it_ends_empty_after_its_time(manager: httpx.AsyncClient) -> None:
    page = await read(manager, after="latest", wait=1)
    assert page["items"] == []
    assert (await read(manager, after=page["next"]))["items"] == []


async def test_an_event_of_another_process_is_noticed(
    container: PicoContainer, start: StartContainer, shared_url: str, manager: httpx.AsyncClient, issuer: Issuer
) -> None:
    other = start({"DATABASE__URL": shared_url, "EVENTS__RELAY": "false"})
    after = await end_of(manager, 0)
    waiting = asyncio.create_task(follow(manager, 1, after))
    await until_waiting(container)
    async with client_of(other.get(FastAPI), issuer.token("product-manager")) as client:
        await client.post("/api/v1/products/", json={"name": "Lamp", "price": 1})
    assert [event["type"] for event in await waiting] == ["product.created"]


async def test_events_that_are_not_wanted_do_not_end_it(
    container: PicoContainer, admin: httpx.AsyncClient, create: Create
) -> None:
    after = await end_of(admin, 0)
    waiting = asyncio.create_task(follow(admin, 1, after, types="product.updated"))
    await until_waiting(container)
    id = (await create("Lamp"))["id"]
    await asyncio.sleep(0.2)  # long enough to return an event of another type
    assert not waiting.done()
    manager_change = await admin.delete(f"/api/v1/products/{id}")
    assert manager_change.status_code == 204
    waiting.cancel()
    assert [event["type"] for event in await follow(admin, 2, after)] == ["product.created", "product.deleted"]


@asynccontextmanager
async def own_client(
    start: StartContainer, url: str, token: str, **environment: str
) -> AsyncIterator[tuple[PicoContainer, httpx.AsyncClient]]:
    own = start({"DATABASE__URL": url, "EVENTS__RELAY": "false", **environment})
    async with client_of(own.get(FastAPI), token) as client:
        yield own, client


async def test_nobody_who_waits_holds_a_connection(start: StartContainer, database_url: str, issuer: Issuer) -> None:
    settings = {"DATABASE__POOL_SIZE": "1", "ENGINE__POOL_TIMEOUT": "5"}
    async with own_client(start, database_url, issuer.token("product-manager"), **settings) as (own, client):
        after = (await read(client))["next"]
        waiting = [asyncio.create_task(follow(client, 1, after)) for _ in range(20)]
        await until_waiting(own, 20)
        assert own.get(SessionManager).engine.pool.checkedout() <= 1  # the look that they share
        created = await client.post("/api/v1/products/", json={"name": "Lamp", "price": 1})
        assert created.status_code == 201
        assert [len(events) for events in await asyncio.gather(*waiting)] == [1] * 20


async def test_all_who_wait_share_each_look(start: StartContainer, database_url: str, issuer: Issuer) -> None:
    """Also the one that finds the event: its readers need no statement of their own."""
    statements: list[str] = []
    settings = {"EVENTS__POLL_INTERVAL": "0.2"}
    async with own_client(start, database_url, issuer.token("product-manager"), **settings) as (own, client):
        after = (await read(client))["next"]
        waiting = [asyncio.create_task(follow(client, 1, after)) for _ in range(50)]
        await until_waiting(own, 50)
        engine = own.get(SessionManager).engine.sync_engine
        event.listen(engine, "before_cursor_execute", lambda *call: statements.append(call[2]))
        await asyncio.sleep(1)  # five looks
        await client.post("/api/v1/products/", json={"name": "Lamp", "price": 1})
        assert [len(events) for events in await asyncio.gather(*waiting)] == [1] * 50
        looks = [statement for statement in statements if "scanned" in statement]
        assert 1 <= len(looks) < 25


async def test_it_ends_when_the_process_stops(start: StartContainer, database_url: str, issuer: Issuer) -> None:
    async with own_client(start, database_url, issuer.token("product-manager")) as (own, client):
        waiting = asyncio.create_task(read(client, wait=30))
        await until_waiting(own)
        own.get(Stopping).begin()
        page = await waiting
        assert page["items"] == []
        assert (await read(client, after=page["next"], wait=30))["items"] == []  # at once


async def test_a_user_who_is_deactivated_meanwhile_gets_nothing(
    container: PicoContainer,
    manager: httpx.AsyncClient,
    create: Create,
    start: StartContainer,
    shared_url: str,
    issuer: Issuer,
) -> None:
    token = issuer.token("product-manager", sub="leaver")
    async with own_client(start, shared_url, token, USERS__STATUS_TTL="0.1") as (own, leaver):
        user = (await leaver.get("/api/v1/me")).json()
        waiting = asyncio.create_task(leaver.get(FEED, params={"after": "latest", "wait": 30, "types": "product.*"}))
        await until_waiting(own)
        await container.get(UserService).update(UUID(user["id"]), {"is_active": False})  # type: ignore[arg-type]
        await asyncio.sleep(0.2)  # the caller's status is remembered for a while
        await create("Lamp")
        assert_problem(await waiting, 403, "user_inactive")


async def test_a_database_that_is_replaced_ends_the_wait(
    container: PicoContainer, manager: httpx.AsyncClient, create: Create
) -> None:
    await create("Lamp")
    after = await end_of(manager, 1)
    waiting = asyncio.create_task(manager.get(FEED, params={"after": after, "wait": 30}))
    await until_waiting(container)
    await empty_tables(container.get(SessionManager).engine, AppBase.metadata)
    assert_problem(await waiting, 422, "invalid_cursor")


@pytest.mark.one_database
async def test_a_database_that_fails_meanwhile_costs_nothing(
    container: PicoContainer,
    manager: httpx.AsyncClient,
    create: Create,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    def fail(*_: object, **__: object) -> None:
        raise DatabaseUnavailableError

    after = await end_of(manager, 0)
    waiting = asyncio.create_task(follow(manager, 1, after))
    await until_waiting(container)
    with monkeypatch.context() as patch:
        patch.setattr(TransactionalSessionManager, "transaction", fail)
        await until(lambda: "cannot look for new events" in caplog.text)
    await create("Lamp")
    assert len(await waiting) == 1
