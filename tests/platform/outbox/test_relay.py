"""The loop itself: how it ends, what it costs when there is nothing to do, and its sweeps."""

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from typing import Any, ClassVar

from sqlalchemy import event as sqlalchemy_event

from myapp.platform.database.types import utc_now
from myapp.platform.events.event import RecordedEvent
from myapp.platform.outbox.sweeps import DeliveredSweep, Sweep, repeat

from .room import Room, until
from .things import Counted
from .told import fail_with


@contextmanager
def statements(room: Room) -> Iterator[list[str]]:
    """What is sent to the database meanwhile."""
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
            await until(lambda: len(room.listener.told) == 4)  # events.concurrency
            asyncio.get_running_loop().call_later(0.1, released.set)
        assert len(room.listener.done) == len(room.listener.told) == 4
        assert sorted(await room.states("listener")) == ["delivered"] * 4 + ["pending"] * 4
        pending = [delivery for delivery in await room.deliveries("listener") if delivery.state == "pending"]
        assert {delivery.attempts for delivery in pending} == {0}  # nobody has claimed them in vain

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
                await until(lambda: room.listener.told)
        assert await room.states("listener") == ["pending"]
        released.set()
        for task in asyncio.all_tasks():
            if task.get_name() == "listener":
                task.cancel()
                await asyncio.wait([task])

    async def test_may_run_again(self, room: Room) -> None:
        for _ in range(2):
            async with room.relay.running():
                await room.happen("a")
                await until(lambda: room.listener.done)
            room.listener.reset()
        await room.happen("a")
        assert await room.relay.deliver_due() > 0

    async def test_only_reads_where_nothing_can_be_delivered(self, room: Room) -> None:
        """However much is pending: SQLite's write lock is for those who write."""
        room.listener.behaviour = fail_with(ValueError())
        await room.happen(*"aaaaaaaaaa")
        await room.relay.deliver_due()
        await room.set("listener", next_at=utc_now() + timedelta(hours=1))
        with statements(room) as sent:
            for _ in range(5):
                assert await room.relay.deliver_due() == 0
        assert len(sent) == 5
        assert all(statement.startswith("SELECT") for statement in sent)


class TestSweeps:
    async def test_forget_what_was_delivered_long_ago(self, room: Room) -> None:
        await room.happen(*"abc")
        await room.relay.deliver_due()
        await room.set("listener", finished_at=utc_now() - timedelta(days=31))
        await room.happen("d")
        sweep = DeliveredSweep(room.queue)
        sweep.batch_size = 2  # type: ignore[misc] # so that three take two of them
        await sweep.sweep()
        assert await room.states("listener") == ["pending"]
        assert await room.states("neighbour") == ["delivered"] * 3 + ["pending"]
        assert len(await room.events("thing.happened")) == 4

    async def test_are_repeated_whatever_happens(self) -> None:
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
