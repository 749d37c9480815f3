"""Transactions that commit late, on PostgreSQL, and events that come from another server."""

import asyncio
from collections.abc import AsyncIterator

import asyncpg
import httpx
import pytest
from pico_ioc import PicoContainer

from myapp.cli.check import print_feed
from myapp.feed.reader import FeedReader

from ..databases import libpq_url
from ..fixture_types import Create
from ..platform.web.problems import assert_problem
from .reader import FEED, end_of, follow, read

pytestmark = pytest.mark.parametrize("database_kind", ["postgresql"], indirect=True, scope="session")
"""SQLite has one writer at a time."""

INSERT = """
INSERT INTO events (type, aggregate, aggregate_id, version, payload, actor, occurred_at)
VALUES ('product.created', 'product', $1, 1, '{}', 'ann', now())
"""
"""As a process of release 1.1 writes an event: it does not know the transaction's id."""


@pytest.fixture
async def late(shared_url: str, container: PicoContainer) -> AsyncIterator[asyncpg.Connection]:
    """A connection of another program to the database of the shared application."""
    connection = await asyncpg.connect(libpq_url(shared_url))
    yield connection
    await connection.close()


async def test_what_commits_late_is_not_missed(
    manager: httpx.AsyncClient, create: Create, late: asyncpg.Connection
) -> None:
    """The late event has a lower id than the others, and is committed after they were read, if they can be read."""
    begin = await end_of(manager, 0)
    transaction = late.transaction()
    await transaction.start()
    await late.execute(INSERT, "late")
    early = [str((await create(name))["id"]) for name in ("Lamp", "Desk")]
    page = await read(manager, after=begin)
    assert page["items"] == []
    await transaction.commit()
    events = await follow(manager, 3, page["next"])
    assert [event["aggregate_id"] for event in events] == ["late", *early]
    assert events[0]["id"] < events[1]["id"] < events[2]["id"]


async def test_an_event_that_is_written_late_comes_at_the_place_of_its_transaction(
    manager: httpx.AsyncClient, create: Create, late: asyncpg.Connection
) -> None:
    """Its id is the highest, but its transaction began first."""
    begin = await end_of(manager, 0)
    transaction = late.transaction()
    await transaction.start()
    await late.execute("SELECT pg_current_xact_id()")
    early = [str((await create(name))["id"]) for name in ("Lamp", "Desk")]
    seen = (await read(manager, after=begin))["items"]
    await late.execute(INSERT, "late")
    seen += (await read(manager, after=begin))["items"]
    await transaction.commit()
    assert seen == []
    assert [event["aggregate_id"] for event in await follow(manager, 3, begin)] == ["late", *early]


async def test_a_transaction_that_only_reads_hides_nothing(
    manager: httpx.AsyncClient, create: Create, late: asyncpg.Connection
) -> None:
    """As pg_dump does."""
    async with late.transaction(isolation="repeatable_read"):
        await late.fetch("SELECT * FROM events")
        id = (await create("Lamp"))["id"]
        assert [event["aggregate_id"] for event in await follow(manager, 1)] == [str(id)]


async def test_who_waits_gets_it_when_it_commits(
    manager: httpx.AsyncClient, create: Create, late: asyncpg.Connection
) -> None:
    begin = await end_of(manager, 0)
    transaction = late.transaction()
    await transaction.start()
    await late.execute(INSERT, "late")
    waiting = asyncio.create_task(follow(manager, 1, begin))
    await asyncio.sleep(0.1)  # long enough to return an event too early
    await create("Lamp")
    assert not waiting.done()
    await transaction.commit()
    assert (await waiting)[0]["aggregate_id"] == "late"


async def test_events_of_another_server_are_noticed_and_put_in_order(
    container: PicoContainer,
    manager: httpx.AsyncClient,
    create: Create,
    late: asyncpg.Connection,
    capsys: pytest.CaptureFixture[str],
) -> None:
    """As after pg_restore on a new server, whose transactions count from the beginning."""
    reader = container.get(FeedReader)
    assert await print_feed(reader)
    for name in ("Lamp", "Desk", "Sofa"):
        await create(name)
    cursor = await end_of(manager, 3)
    await late.execute("UPDATE events SET txid = txid + 1000000000")
    for wait in (0, 30):
        problem = assert_problem(await manager.get(FEED, params={"wait": wait}), 503, "feed_unavailable")
        assert "check --repair" in problem["detail"]
    assert not await print_feed(reader)
    assert await print_feed(reader, repair=True)
    assert "WRONG" in capsys.readouterr().out
    assert await print_feed(reader)
    assert_problem(await manager.get(FEED, params={"after": cursor}), 422, "invalid_cursor")
    await create("Chair")
    events = await follow(manager, 4)
    assert [event["id"] for event in events] == sorted(event["id"] for event in events)
