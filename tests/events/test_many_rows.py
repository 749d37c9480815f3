"""A hundred thousand deliveries wait: each step still looks at a few rows, through an index."""

import re
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import event, insert, text

from myapp.database.types import utc_now
from myapp.events.models import Event, EventDelivery

from .room import Room, until

pytestmark = pytest.mark.slow

ALL = 100_000
OF_ONE = 10_000
"""So many, the oldest ones, belong to one aggregate."""


@pytest.fixture
async def crowded(room: Room) -> Room:
    """As a burst leaves it: PostgreSQL has no statistics of it yet."""
    moment = utc_now() - timedelta(hours=1)
    things = [(number, "hot" if number <= OF_ONE else str(number % 5000)) for number in range(1, ALL + 1)]
    async with room.manager.engine.begin() as connection:
        if connection.dialect.name == "postgresql":
            await connection.execute(text("ANALYZE event_deliveries"))  # of the empty table
        for start in range(0, ALL, 10_000):
            common = [
                {"aggregate": "thing", "aggregate_id": id, "number": number}
                for number, id in things[start : start + 10_000]
            ]
            events = [
                {"id": row["number"], "type": "thing.happened", "version": row["number"], "payload": {}, "actor": "x"}
                | {"aggregate": "thing", "aggregate_id": row["aggregate_id"], "occurred_at": moment}
                for row in common
            ]
            await connection.execute(insert(Event), events)
            deliveries = [
                {"event_id": row["number"], "handler": "listener", "aggregate": "thing"}
                | {"aggregate_id": row["aggregate_id"], "next_at": moment + timedelta(milliseconds=row["number"])}
                for row in common
            ]
            await connection.execute(insert(EventDelivery), deliveries)
    return room


@contextmanager
def noted(room: Room) -> Iterator[list[tuple[str, Any]]]:
    """The statements about deliveries that are sent meanwhile, with their parameters."""
    sent: list[tuple[str, Any]] = []

    def note(_connection: Any, _cursor: Any, statement: str, parameters: Any, *_: Any) -> None:
        if "event_deliveries" in statement:
            sent.append((statement, parameters))

    engine = room.manager.engine.sync_engine
    event.listen(engine, "before_cursor_execute", note)
    try:
        yield sent
    finally:
        event.remove(engine, "before_cursor_execute", note)


async def plan(room: Room, statement: str, parameters: Any) -> str:
    """As the database explains it."""
    async with room.manager.engine.connect() as connection:
        sqlite = connection.dialect.name == "sqlite"
        prefix = "EXPLAIN QUERY PLAN " if sqlite else "EXPLAIN (ANALYZE, BUFFERS, COSTS OFF, TIMING OFF) "
        rows = (await connection.exec_driver_sql(prefix + statement, parameters)).all()
        await connection.rollback()
    return "\n".join(str(row[-1]) for row in rows)


async def assert_cheap(room: Room, sent: list[tuple[str, Any]]) -> None:
    for statement, parameters in sent:
        found = await plan(room, statement, parameters)
        assert "Seq Scan" not in found, found
        assert not re.search(r"^SCAN event_deliveries", found, re.MULTILINE), found
        for line in re.findall(r"rows=(\d+)", found):
            assert int(line) <= 100, found


async def test_every_step_of_a_delivery(crowded: Room, database_kind: str) -> None:
    room = crowded
    for _ in range(2):
        with noted(room) as sent:
            assert await room.queue.due(["listener", "clerk"]) == ["listener"]
            claims, put_off = await room.queue.claim("listener", 100)
            assert 1 <= len(claims) + put_off <= 100
            for claim in claims:
                await room.queue.delivered(claim)
            claims, put_off = await room.queue.claim("listener", 4)
            for claim in claims:
                await room.queue.failed(claim, "no")
        assert len(sent) >= 7
        await assert_cheap(room, sent)
        async with room.manager.engine.begin() as connection:
            await connection.execute(text("ANALYZE"))


async def test_forgetting_what_was_delivered(crowded: Room) -> None:
    room = crowded
    await room.set("listener", state="delivered", finished_at=utc_now())
    async with room.manager.engine.begin() as connection:
        await connection.execute(text("ANALYZE"))
    with noted(room) as sent:
        assert await room.queue.forget_delivered(100) == 0
    await assert_cheap(room, sent)


async def test_those_of_one_aggregate_come_in_order_and_stop_nobody(crowded: Room) -> None:
    room = crowded
    async with room.relay.running():
        await until(lambda: sum(event.aggregate_id == "hot" for event in room.listener.done) >= 100, 300)
    versions = [event.version for event in room.listener.done if event.aggregate_id == "hot"]
    assert versions == list(range(1, len(versions) + 1))
