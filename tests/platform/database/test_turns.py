"""Writers of one process take turns: in order, across threads and event loops, and never for ever."""

import asyncio
import random
import sqlite3
import threading
import time
from contextvars import Context
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import make_url, select

from myapp.platform.database.sessions import TransactionalSessionManager
from myapp.platform.database.turns import MAX_WAIT, Turns
from myapp.platform.errors import DatabaseUnavailableError
from myapp.products.models import Product

from .conftest import POOL_SIZE, Names, lamp, only_sqlite, session_manager

Sessions = TransactionalSessionManager

LONG = 30.0


class TestTurns:
    async def test_they_come_in_the_order_of_asking(self) -> None:
        turns, order = Turns(LONG), []

        async def work(number: int) -> None:
            async with turns:
                await asyncio.sleep(0)
                order.append(number)

        await asyncio.gather(*map(work, range(50)))
        assert order == list(range(50))

    async def test_nobody_overtakes_one_that_waits(self) -> None:
        turns, order = Turns(LONG), []

        async def work(name: str) -> None:
            async with turns:
                order.append(name)

        async with turns:
            waiting = asyncio.create_task(work("first"))
            await asyncio.sleep(0)
        await work("second")  # at a moment at which nobody has been woken yet
        await waiting
        assert order == ["first", "second"]

    @given(st.lists(st.tuples(st.booleans(), st.integers(0, 4)), max_size=12))
    async def test_cancelled_ones_lose_no_turn(self, plan: list[tuple[bool, int]]) -> None:
        """Each task is cancelled, or not, after some steps of the loop: before, in or after its turn."""
        turns, inside = Turns(LONG), 0

        async def work() -> None:
            nonlocal inside
            async with turns:
                inside += 1
                assert inside == 1
                try:
                    await asyncio.sleep(0)
                finally:
                    inside -= 1

        tasks = [asyncio.create_task(work()) for _ in plan]
        for task, (is_cancelled, steps) in zip(tasks, plan, strict=True):
            if is_cancelled:
                for _ in range(steps):
                    await asyncio.sleep(0)
                task.cancel()
        results = await asyncio.gather(*tasks, return_exceptions=True)
        assert {type(result) for result in results} <= {type(None), asyncio.CancelledError}
        async with asyncio.timeout(1), turns:
            pass

    def test_threads_with_event_loops_of_their_own(self) -> None:
        turns, inside, done = Turns(LONG), [0], []

        async def work(number: int) -> None:
            for _ in range(20):
                async with turns:
                    inside[0] += 1
                    assert inside[0] == 1
                    await asyncio.sleep(random.choice([0, 0.0001]))
                    inside[0] -= 1
            done.append(number)

        threads = [threading.Thread(target=lambda number=number: asyncio.run(work(number))) for number in range(16)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(20)
        assert sorted(done) == list(range(16))

    def test_an_event_loop_that_was_closed_while_it_waited_is_passed_over(self) -> None:
        turns = Turns(LONG)
        lost = asyncio.new_event_loop()
        waiting = lost.create_task(turns.__aenter__())

        async def work() -> None:
            async with turns:
                await asyncio.to_thread(lost.run_until_complete, asyncio.sleep(0))
                lost.close()
            async with asyncio.timeout(1), turns:
                pass

        asyncio.run(work())
        assert not waiting.done()
        waiting.get_coro().close()

    async def test_a_wait_without_success_ends(self) -> None:
        turns = Turns(0.1)
        async with turns:
            began = time.monotonic()
            with pytest.raises(DatabaseUnavailableError):
                await turns.__aenter__()
            assert 0.1 <= time.monotonic() - began < 2
        async with turns:
            pass

    async def test_a_wait_with_success_goes_on(self) -> None:
        turns = Turns(0.2)

        async def work() -> None:
            async with turns:
                await asyncio.sleep(0.05)

        await asyncio.gather(*(work() for _ in range(10)))

    async def test_but_not_for_ever(self) -> None:
        turns = Turns(0.05)
        ended = asyncio.Event()

        async def work() -> None:
            while not ended.is_set():
                turns._last_success = time.monotonic()
                await asyncio.sleep(0.01)

        async with turns:
            others = asyncio.create_task(work())
            began = time.monotonic()
            with pytest.raises(DatabaseUnavailableError):
                await turns.__aenter__()
            assert MAX_WAIT * 0.05 <= time.monotonic() - began < 5
            ended.set()
            await others


@only_sqlite
class TestWriters:
    async def test_more_writers_than_connections_succeed_in_order(self, sessions: Sessions, names: Names) -> None:
        """The queue may take longer than any limit, as long as it moves. Readers have connections meanwhile."""

        async def save(number: int) -> None:
            async with sessions.transaction() as session:
                session.add(lamp(f"number {number:02}"))
                await session.flush()
                await asyncio.sleep(0.05)

        writers = asyncio.gather(*(save(number) for number in range(5 * POOL_SIZE)))
        await asyncio.sleep(0.05)
        async with sessions.transaction(read_only=True) as session:
            assert len((await session.scalars(select(Product))).all()) < POOL_SIZE
        await writers
        assert await names() == [f"number {number:02}" for number in range(5 * POOL_SIZE)]

    def test_sixty_four_threads(self, database_url: str) -> None:
        sessions = session_manager(database_url, null_pool=True)
        errors: list[BaseException] = []

        async def save(number: int) -> None:
            async with sessions.transaction() as session:
                session.add(lamp(f"number {number}"))

        def work(number: int) -> None:
            try:
                for _ in range(2):
                    asyncio.run(save(number))
            except BaseException as error:
                errors.append(error)

        threads = [threading.Thread(target=work, args=[number]) for number in range(64)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(60)
        assert not errors
        with sqlite3.connect(Path(make_url(database_url).database or "")) as connection:
            assert connection.execute("SELECT count(*) FROM products").fetchone() == (128,)
        connection.close()

    async def test_a_file_that_another_process_locks(self, database_url: str) -> None:
        """All that wait give up together, not one after the other."""
        sessions = session_manager(database_url)

        async def save() -> None:
            async with sessions.transaction() as session:
                session.add(lamp())

        other = sqlite3.connect(make_url(database_url).database or "", isolation_level=None)
        other.execute("BEGIN IMMEDIATE")
        began = time.monotonic()
        results = await asyncio.gather(*(save() for _ in range(30)), return_exceptions=True)
        assert {type(result) for result in results} == {DatabaseUnavailableError}
        assert time.monotonic() - began < 3  # the busy timeout is 0.3 s
        other.execute("ROLLBACK")
        other.close()
        await save()
        await sessions.engine.dispose()

    async def test_a_transaction_inside_of_one_that_has_not_begun(self, sessions: Sessions, names: Names) -> None:
        """It does not wait for the turn of the one around it."""
        async with sessions.transaction() as outer:
            async with sessions.transaction(propagation="REQUIRES_NEW") as inner:
                inner.add(lamp("inner"))
            async with (
                sessions.transaction(propagation="NOT_SUPPORTED"),
                sessions.transaction(propagation="REQUIRES_NEW") as innermost,
            ):
                innermost.add(lamp("innermost"))
            outer.add(lamp("outer"))
        assert await names() == ["inner", "innermost", "outer"]

    async def test_a_writer_that_gives_up_leaves_the_turn_to_the_next(self, sessions: Sessions, names: Names) -> None:
        async def save(name: str) -> None:
            async with sessions.transaction() as session:
                session.add(lamp(name))

        async with sessions.transaction() as session:
            await session.execute(select(Product))
            waiting = [asyncio.create_task(save(name), context=Context()) for name in ("cancelled", "kept")]
            await asyncio.sleep(0.05)
            waiting[0].cancel()
        results = await asyncio.gather(*waiting, return_exceptions=True)
        assert [type(result) for result in results] == [asyncio.CancelledError, type(None)]
        assert await names() == ["kept"]
