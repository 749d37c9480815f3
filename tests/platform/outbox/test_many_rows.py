"""With a hundred thousand pending deliveries, each step still reads only a few rows, through an index."""

import re
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from typing import Any

import pytest
import sqlalchemy.event
from sqlalchemy import insert, text

from myapp.platform.database.types import utc_now
from myapp.platform.events.models import Event
from myapp.platform.outbox.models import EventDelivery

from ...fixture_types import StartContainer
from .conftest import SETTINGS
from .room import Room, until

pytestmark = pytest.mark.slow

ALL = 100_000
OF_ONE = 10_000
"""The oldest deliveries, this many, belong to one aggregate."""


@pytest.fixture
async def crowded(start: StartContainer, database_url: str) -> Room:
    """A room after a burst of events: PostgreSQL has no statistics of them yet."""
    room = Room(start({"DATABASE__URL": database_url} | SETTINGS, modules=["tests.platform.outbox.handlers"]))
    moment = utc_now() - timedelta(hours=1)
    numbers = range(1, ALL + 1)
    things = [{"aggregate": "thing", "aggregate_id": "hot" if n <= OF_ONE else str(n % 5000)} for n in numbers]
    event = {"type": "thing.happened", "payload": {}, "actor": "x", "occurred_at": moment}
    events = [{"id": n, "version": n} | event | thing for n, thing in zip(numbers, things, strict=True)]
    due = [{"event_id": n, "next_at": moment + timedelta(milliseconds=n)} for n in numbers]
    deliveries = [{"handler": "listener"} | one | thing for one, thing in zip(due, things, strict=True)]
    async with room.manager.engine.begin() as connection:
        if connection.dialect.name == "postgresql":
            await connection.execute(text("ANALYZE event_deliveries"))  # now, while the table is empty
        for model, rows in ((Event, events), (EventDelivery, deliveries)):
            for first in range(0, ALL, 1000):
                await connection.execute(insert(model), rows[first : first + 1000])
    return room


@contextmanager
def recorded_statements(room: Room) -> Iterator[list[tuple[str, Any]]]:
    """Record the statements about deliveries that are sent during the block, with their parameters."""
    sent: list[tuple[str, Any]] = []

    def note(_connection: Any, _cursor: Any, statement: str, parameters: Any, *_: Any) -> None:
        if "event_deliveries" in statement:
            sent.append((statement, parameters))

    engine = room.manager.engine.sync_engine
    sqlalchemy.event.listen(engine, "before_cursor_execute", note)
    try:
        yield sent
    finally:
        sqlalchemy.event.remove(engine, "before_cursor_execute", note)


async def explain(room: Room, statement: str, parameters: Any) -> str:
    """Return the database's plan of a statement."""
    async with room.manager.engine.connect() as connection:
        sqlite = connection.dialect.name == "sqlite"
        prefix = "EXPLAIN QUERY PLAN " if sqlite else "EXPLAIN (ANALYZE, BUFFERS, COSTS OFF, TIMING OFF) "
        rows = (await connection.exec_driver_sql(prefix + statement, parameters)).all()
        await connection.rollback()
    return "\n".join(str(row[-1]) for row in rows)


async def assert_cheap(room: Room, sent: list[tuple[str, Any]]) -> None:
    for statement, parameters in sent:
        plan = await explain(room, statement, parameters)
        assert "Seq Scan" not in plan, plan
        assert not re.search(r"^SCAN event_deliveries", plan, re.MULTILINE), plan
        assert all(int(number) <= 1000 for number in re.findall(r"rows=(\d+)", plan)), plan


async def test_every_step_is_cheap(crowded: Room) -> None:
    room = crowded
    for statistics in ("old", "new"):
        with recorded_statements(room) as sent:
            assert await room.queue.find_due_handlers(["listener", "clerk"], ["webhook:"]) == ["listener"]
            claims, postponed = await room.queue.claim("listener", 100)
            assert (len(claims), postponed) == (1, 99)
            await room.queue.mark_delivered(claims[0])
            [claim], _ = await room.queue.claim("listener", 4)
            await room.queue.mark_delivered(claim) if statistics == "old" else await room.queue.mark_failed(claim, "no")
        await assert_cheap(room, sent)
        async with room.manager.engine.begin() as connection:
            await connection.execute(text("ANALYZE event_deliveries"))
    some, now = range(20_000, 20_100), utc_now()
    with recorded_statements(room) as sent:
        async with room.manager.transaction():
            assert await room.repo.set_claimed("listener", dict.fromkeys(some, 0), error="no") == 100
            await room.repo.make_next_due("listener", some, now)
        assert await room.queue.delete_delivered(100) == 0
    await assert_cheap(room, sent)


async def test_events_of_one_aggregate_come_in_order_and_block_no_other(crowded: Room) -> None:
    room = crowded
    async with room.relay.running():
        await until(lambda: len({event.aggregate_id for event in room.listener.done}) >= 100, 300)
    versions = [event.version for event in room.listener.done if event.aggregate_id == "hot"]
    assert len(versions) >= 100
    assert versions == list(range(1, len(versions) + 1))
