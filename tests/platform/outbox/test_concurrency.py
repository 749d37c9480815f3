"""Several relays on one database: every event is handled exactly once, and in order."""

import asyncio
from collections import Counter
from contextlib import AsyncExitStack

import pytest

from myapp.platform.events.event import RecordedEvent

from ...fixture_types import StartContainer
from .conftest import SETTINGS
from .room import Room, until
from .things import Counted

pytestmark = pytest.mark.slow


async def test_four_relays(start: StartContainer, database_url: str) -> None:
    """The relays run in one process, so that they collide more often. On a busy machine no handler is too slow."""
    settings = SETTINGS | {"EVENTS__HANDLER_TIMEOUT": "10", "EVENTS__TRANSACTION_TIMEOUT": "10"}
    rooms = [
        Room(start({"DATABASE__URL": database_url} | settings, modules=["tests.platform.outbox.handlers"]))
        for _ in range(4)
    ]
    done: list[tuple[str, str, int]] = []

    async def note(event: RecordedEvent) -> None:
        done.append((event.type, event.aggregate_id, event.version))
        await asyncio.sleep(0)

    for room in rooms:
        room.listener.behaviour = room.clerk.behaviour = note
    aggregates = "abcdefgh"
    async with AsyncExitStack() as stack:
        for room in rooms:
            await stack.enter_async_context(room.relay.running())
        for _ in range(6):
            await rooms[0].happen(*aggregates)
            await rooms[0].happen(*aggregates, kind=Counted)
            await asyncio.sleep(0.02)
        await until(lambda: sum(len(room.neighbour.done) for room in rooms) >= 48 and len(done) >= 96)
    assert max(Counter(done).values()) == 1
    for aggregate in aggregates:
        for kind in ("thing.happened", "thing.counted"):
            versions = [version for found, id, version in done if (found, id) == (kind, aggregate)]
            assert versions == sorted(versions)
    assert {*await rooms[0].states("listener"), *await rooms[0].states("clerk")} == {"delivered"}
    assert len(await rooms[0].events("thing.noted")) == 48
