"""The relay's loop: how it ends, what it costs when idle, and its sweeps."""

import asyncio
import re
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from typing import Any, ClassVar

import pytest
from sqlalchemy import event as sqlalchemy_event

from myapp.platform.database.types import utc_now
from myapp.platform.events.event import RecordedEvent
from myapp.platform.outbox import relay
from myapp.platform.outbox.sweeps import DeliveredSweep, Sweep, repeat

from .handlers import fail_with
from .room import Room, until
from .things import Counted, Happened


@contextmanager
def recorded_statements(room: Room) -> Iterator[list[str]]:
    """Record the statements that are sent to the database during the block."""
    sent: list[str] = []

    def note(_connection: Any, _cursor: Any, statement: str, *_: Any) -> None:
        sent.append(statement)

    engine = room.manager.engine.sync_engine
    sqlalchemy_event.listen(engine, "before_cursor_execute", note)
    try:
        yield sent
    finally:
        sqlalchemy_event.remove(engine, "before_cursor_execute", note)


class TestRunning:
    async def test_delivers_what_comes(self, room: Room) -> None:
        async with room.relay.running():
            await room.happen("a")
            await until(lambda: room.listener.done and room.neighbour.done)
            await room.happen("b", kind=Counted)
            await until(lambda: room.clerk.done)

    async def test_ends_when_it_has_delivered_what_it_has_begun(self, room: Room) -> None:
        begun, released = asyncio.Event(), asyncio.Event()

        async def take_time(_event: RecordedEvent) -> None:
            begun.set()
            await released.wait()

        room.listener.behaviour = take_time
        await room.happen(*"abcdefgh")
        async with room.relay.running():
            await begun.wait()
            await until(lambda: len(room.listener.received) == 4)  # events.concurrency
            asyncio.get_running_loop().call_later(0.1, released.set)
        assert len(room.listener.done) == len(room.listener.received) == 4
        assert sorted(await room.states("listener")) == ["delivered"] * 4 + ["pending"] * 4
        pending = [delivery for delivery in await room.deliveries("listener") if delivery.state == "pending"]
        assert {delivery.attempts for delivery in pending} == {0}  # they were never claimed

    async def test_does_not_wait_for_ever(self, room: Room) -> None:
        async def ignore_the_end(_event: RecordedEvent) -> None:
            while True:
                try:
                    await asyncio.sleep(60)
                except asyncio.CancelledError:
                    if released.is_set():
                        raise

        released = asyncio.Event()
        room.listener.behaviour = ignore_the_end
        await room.happen("a")
        async with asyncio.timeout(10):
            async with room.relay.running():
                await until(lambda: room.listener.received)
        assert await room.states("listener") == ["pending"]
        released.set()
        for task in asyncio.all_tasks():
            if task.get_name() == "listener":
                task.cancel()
                await asyncio.wait([task])

    async def test_gathers_no_events_that_follow_others(self, room: Room, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(relay, "GATHERING", 600)
        for kind in (Happened, Counted):
            await room.happen(*"aabbbbbccccccccc", kind=kind)
        async with room.relay.running():
            await until(lambda: len(room.listener.done) == len(room.clerk.done) == 16)

    async def test_ends_at_once_while_it_gathers(self, room: Room, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(relay, "GATHERING", 600)
        await room.happen("a", "b")
        async with asyncio.timeout(60), room.relay.running():
            await until(lambda: len(room.listener.done) == 2)

    async def test_may_run_again(self, room: Room) -> None:
        for _ in range(2):
            async with room.relay.running():
                await room.happen("a")
                await until(lambda: room.listener.done)
            room.listener.reset()
        await room.happen("a")
        assert await room.relay.deliver_due() > 0

    async def test_only_reads_where_nothing_can_be_delivered(self, room: Room) -> None:
        """An idle relay must not take SQLite's write lock, even with pending deliveries."""
        room.listener.behaviour = fail_with(ValueError())
        await room.happen(*"aaaaaaaaaa")
        await room.relay.deliver_due()
        await room.update_deliveries("listener", next_at=utc_now() + timedelta(hours=1))
        with recorded_statements(room) as sent:
            for _ in range(5):
                assert await room.relay.deliver_due() == 0
        assert len(sent) == 5
        assert all(statement.startswith(("SELECT", "WITH RECURSIVE names")) for statement in sent)
        assert not any(re.search("INSERT|UPDATE|DELETE", statement) for statement in sent)


class TestSweeps:
    async def test_delete_old_deliveries(self, room: Room) -> None:
        await room.happen(*"abc")
        await room.relay.deliver_due()
        await room.update_deliveries("listener", finished_at=utc_now() - timedelta(days=31))
        await room.happen("d")
        sweep = DeliveredSweep(room.queue)
        sweep.batch_size = 2  # type: ignore[misc] # three deliveries take two batches
        await sweep.sweep()
        assert await room.states("listener") == ["pending"]
        assert await room.states("neighbour") == ["delivered"] * 3 + ["pending"]
        assert len(await room.events("thing.happened")) == 4

    async def test_are_repeated_after_failures(self) -> None:
        class Trying(Sweep):
            interval: ClassVar[float] = 0.01
            times = 0

            async def sweep(self) -> None:
                self.times += 1
                if self.times == 1:
                    raise ValueError
                if self.times == 2:
                    await asyncio.Event().wait()

        sweep, end = Trying(), asyncio.Event()
        task = asyncio.create_task(repeat(sweep, 0.05, end))
        await until(lambda: sweep.times > 3)
        end.set()
        await task
