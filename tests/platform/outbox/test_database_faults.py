"""The database becomes unavailable in each step of a delivery: nothing is lost, nothing is done twice."""

import asyncio
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import AbstractAsyncContextManager, asynccontextmanager

import pytest
from sqlalchemy import make_url, text

from myapp.platform.errors import DatabaseUnavailableError
from myapp.platform.events.event import RecordedEvent
from tests.databases import Databases
from tests.proxy import Proxy

from ...fixture_types import StartContainer
from .conftest import SETTINGS
from .room import Room, until
from .things import Counted

pytestmark = pytest.mark.slow

Outage = Callable[[], AbstractAsyncContextManager[None]]

SHORT_TIMEOUTS = {
    "ENGINE__CONNECT_TIMEOUT": "2",
    "ENGINE__COMMAND_TIMEOUT": "1",
    "ENGINE__SQLITE_BUSY_TIMEOUT": "0.4",
    "EVENTS__TRANSACTION_TIMEOUT": "5",
    "EVENTS__HANDLER_TIMEOUT": "20",
}
LONG_ENOUGH = {"sqlite": 0.6, "broken off": 0.3, "silent": 1.3}
"""Seconds until the relay notices each fault."""


SILENT = pytest.param("silent", marks=pytest.mark.slow)  # waits for seconds

needs_a_server = pytest.mark.parametrize("fault", ["broken off", SILENT], indirect=True)


@pytest.fixture(params=["sqlite", "broken off", SILENT])
def fault(request: pytest.FixtureRequest) -> str:
    kind: str = request.param
    return kind


@pytest.fixture
def proxy(databases: Databases) -> Iterator[Proxy]:
    with Proxy(make_url(databases.migrated("postgresql"))) as proxy:
        yield proxy


@pytest.fixture
def room(fault: str, databases: Databases, request: pytest.FixtureRequest, start: StartContainer) -> Room:
    url = databases.migrated("sqlite") if fault == "sqlite" else request.getfixturevalue("proxy").url
    return Room(start({"DATABASE__URL": url} | SETTINGS | SHORT_TIMEOUTS, modules=["tests.platform.outbox.handlers"]))


@pytest.fixture
def outage(fault: str, room: Room, request: pytest.FixtureRequest) -> Outage:
    @asynccontextmanager
    async def locked() -> AsyncIterator[None]:
        async with room.manager.engine.connect() as connection:
            await connection.execute(text("SELECT 1"))  # takes the write lock
            yield

    @asynccontextmanager
    async def broken_off() -> AsyncIterator[None]:
        proxy: Proxy = request.getfixturevalue("proxy")
        proxy.stop()
        yield
        proxy.start()

    @asynccontextmanager
    async def silent() -> AsyncIterator[None]:
        proxy: Proxy = request.getfixturevalue("proxy")
        proxy.stall()
        yield
        proxy.resume()

    return {"sqlite": locked, "broken off": broken_off, "silent": silent}[fault]


class Gate:
    """A behaviour of handlers: wait in the middle of the work."""

    def __init__(self) -> None:
        self.reached = asyncio.Event()
        self.open = asyncio.Event()

    async def __call__(self, _event: RecordedEvent) -> None:
        self.reached.set()
        await self.open.wait()


async def test_before_the_claim(room: Room, fault: str, outage: Outage) -> None:
    await room.happen("a", "b")
    async with outage(), room.relay.running():
        await asyncio.sleep(LONG_ENOUGH[fault])
    async with room.relay.running():
        await room.happen("a")
        await until(lambda: len(room.listener.done) == 3)
        async with outage():
            await asyncio.sleep(LONG_ENOUGH[fault])
        await room.happen("c")
        await until(lambda: len(room.listener.done) == 4)
    assert len(room.listener.received) == 4


async def test_between_the_work_and_its_record(room: Room, fault: str, outage: Outage) -> None:
    room.listener.behaviour = gate = Gate()
    await room.happen("a")
    async with room.relay.running():
        await gate.reached.wait()
        await until(lambda: room.neighbour.done)
        async with outage():
            gate.open.set()
            await until(lambda: room.listener.done)
            await asyncio.sleep(LONG_ENOUGH[fault])
        await until(lambda: room.all_are("listener", "delivered"))
    assert len(room.listener.received) == 1


async def test_between_a_failure_and_its_record(room: Room, fault: str, outage: Outage) -> None:
    gate = Gate()

    async def fail_after_it(event: RecordedEvent) -> None:
        await gate(event)
        raise ValueError("no")

    room.listener.behaviour = fail_after_it
    await room.happen("a")
    async with room.relay.running():
        await gate.reached.wait()
        async with outage():
            gate.open.set()
            await asyncio.sleep(LONG_ENOUGH[fault])
        await until(lambda: room.neighbour.done)
    [delivery] = await room.deliveries("listener")
    runs = len(room.listener.received)  # on a busy machine there may be another one by now
    assert (delivery.state, delivery.attempts, delivery.error) == ("pending", runs, "ValueError: no")


@needs_a_server
async def test_in_the_transaction_of_the_record(room: Room, fault: str, outage: Outage) -> None:
    room.clerk.behaviour = gate = Gate()
    await room.happen("a", "b", kind=Counted)
    async with room.relay.running():
        await gate.reached.wait()
        async with outage():
            gate.open.set()
            await asyncio.sleep(LONG_ENOUGH[fault])
    assert len(await room.events("thing.noted")) == (await room.states("clerk")).count("delivered")
    await room.exhaust()
    assert await room.all_are("clerk", "delivered")
    assert len(await room.events("thing.noted")) == 2


@needs_a_server
async def test_deliver_due_raises(room: Room, outage: Outage) -> None:
    async with outage():
        with pytest.raises(DatabaseUnavailableError):
            await room.relay.deliver_due()
