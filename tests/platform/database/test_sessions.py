"""Transactions: what they commit, what they roll back, and that no error affects the next call."""
# ruff: noqa: PT012, ASYNC110 - a transaction may raise at its end

import asyncio
from collections.abc import Awaitable, Callable
from decimal import Decimal

import pytest
from pico_ioc import PicoContainer
from pico_sqlalchemy import SessionManager, get_session
from sqlalchemy import event, insert, select, text, update
from sqlalchemy.ext.asyncio import AsyncSession

from myapp.platform.database.rows import new_row
from myapp.platform.database.sessions import (
    AUTOCOMMIT,
    ReadOnlyError,
    SecondStatementError,
    TransactionalSessionManager,
    after_commit,
)
from myapp.platform.errors import ConflictError, DatabaseUnavailableError
from myapp.products.models import Product, folds_of

from .conftest import POOL_SIZE, Names, in_use, lamp, only_postgresql, only_sqlite
from .probe import HarmlessError, ProbeRepository, ProbeService

Sessions = TransactionalSessionManager


async def insert_row(session: AsyncSession, name: str) -> None:
    values = new_row(Product, {"name": name, "price": Decimal("9.50")} | folds_of(name))
    await session.execute(insert(Product).values(values))


async def save(sessions: Sessions, name: str, **options: object) -> None:
    async with sessions.transaction(**options) as session:  # type: ignore[arg-type]
        session.add(lamp(name))


class TestError:
    async def test_it_rolls_back_and_the_next_call_commits(self, sessions: Sessions, names: Names) -> None:
        with pytest.raises(ValueError, match="no"):
            async with sessions.transaction() as session:
                session.add(lamp("lost"))
                await session.flush()
                raise ValueError("no")
        assert in_use(sessions) == 0
        assert sessions.get_current_session() is None

        await save(sessions, "kept")
        assert await names() == ["kept"]

    async def test_more_errors_than_connections(self, sessions: Sessions, names: Names) -> None:
        for _ in range(POOL_SIZE * 3):
            with pytest.raises(ValueError, match="no"):
                async with sessions.transaction() as session:
                    await session.execute(select(Product))
                    raise ValueError("no")
        await save(sessions, "kept")
        assert await names() == ["kept"]

    async def test_a_retry_loop_commits_its_last_attempt_only(self, sessions: Sessions, names: Names) -> None:
        for attempt in (1, 2, 3):
            try:
                async with sessions.transaction() as session:
                    session.add(lamp(f"attempt {attempt}"))
                    await session.flush()
                    if attempt < 3:
                        raise ConnectionError
            except ConnectionError:
                continue
        assert await names() == ["attempt 3"]

    async def test_an_error_handler_may_write(self, sessions: Sessions, names: Names) -> None:
        try:
            async with sessions.transaction() as session:
                session.add(lamp("lost"))
                await session.flush()
                raise ValueError
        except ValueError:
            await save(sessions, "what went wrong")
        assert await names() == ["what went wrong"]

    async def test_a_failing_commit_rolls_back(self, sessions: Sessions, names: Names) -> None:
        with pytest.raises(ValueError, match="at the last moment"):
            async with sessions.transaction() as session:
                session.add(lamp("lost"))

                @event.listens_for(session.sync_session, "before_commit")
                def fail(_: object) -> None:
                    raise ValueError("at the last moment")

        await save(sessions, "kept")
        assert await names() == ["kept"]

    async def test_a_joined_error_undoes_the_whole(self, sessions: Sessions, names: Names) -> None:
        with pytest.raises(ValueError, match="no"):
            async with sessions.transaction() as outer:
                outer.add(lamp("outer"))
                async with sessions.transaction() as inner:
                    assert inner is outer
                    inner.add(lamp("inner"))
                    await inner.flush()
                    raise ValueError("no")
        assert await names() == []

    async def test_a_lost_update_is_a_conflict(self, sessions: Sessions, names: Names) -> None:
        async with sessions.transaction() as session:
            mine = lamp("first")
            session.add(mine)
        async with sessions.transaction() as session:
            await session.execute(update(Product).values(name="second", version=2))
        with pytest.raises(ConflictError):
            async with sessions.transaction() as session:
                session.add(mine)
                mine.name = "third"
        assert await names() == ["second"]


class TestRequiresNew:
    async def test_without_another_it_begins_one(self, sessions: Sessions, names: Names) -> None:
        await save(sessions, "kept", propagation="REQUIRES_NEW")
        assert await names() == ["kept"]

    async def test_its_failure_leaves_the_outer_transaction_alone(
        self, sessions: Sessions, names: Names, is_sqlite: bool
    ) -> None:
        """SQLite has one writer: there the inner transaction waits for the outer one until its timeout."""
        async with sessions.transaction() as outer:
            outer.add(lamp("before"))
            await outer.flush()
            with pytest.raises(DatabaseUnavailableError if is_sqlite else ValueError):
                async with sessions.transaction(propagation="REQUIRES_NEW") as inner:
                    assert inner is not outer
                    inner.add(lamp("lost"))
                    await inner.flush()
                    raise ValueError
            assert sessions.get_current_session() is outer
            outer.add(lamp("after"))
        assert await names() == ["before", "after"]

    @only_postgresql
    async def test_it_outlives_the_failure_of_the_outer_one(self, sessions: Sessions, names: Names) -> None:
        with pytest.raises(ValueError, match="no"):
            async with sessions.transaction() as outer:
                outer.add(lamp("lost"))
                await outer.flush()
                await save(sessions, "audit", propagation="REQUIRES_NEW")
                raise ValueError("no")
        assert await names() == ["audit"]


class TestOneStatement:
    @only_postgresql
    async def test_it_is_committed_with_its_answer(self, sessions: Sessions, names: Names) -> None:
        with pytest.raises(ValueError, match="later"):
            async with sessions.transaction(isolation_level=AUTOCOMMIT) as session:
                await insert_row(session, "kept")
                raise ValueError("later")
        assert await names() == ["kept"]

    @only_postgresql
    async def test_a_second_one_is_refused(self, sessions: Sessions, names: Names) -> None:
        with pytest.raises(SecondStatementError):
            async with sessions.transaction(isolation_level=AUTOCOMMIT) as session:
                await insert_row(session, "kept")
                await session.execute(select(1))
        assert in_use(sessions) == 0
        await save(sessions, "next")
        assert sorted(await names()) == ["kept", "next"]

    @only_sqlite
    async def test_sqlite_takes_several_and_rolls_back(self, sessions: Sessions, names: Names) -> None:
        async with sessions.transaction(isolation_level=AUTOCOMMIT) as session:
            await insert_row(session, "kept")
            await session.execute(select(1))
        with pytest.raises(ValueError, match="no"):
            async with sessions.transaction(isolation_level=AUTOCOMMIT) as session:
                await insert_row(session, "lost")
                raise ValueError("no")
        assert await names() == ["kept"]

    async def test_it_joins_an_outer_transaction(self, sessions: Sessions, names: Names) -> None:
        with pytest.raises(ValueError, match="no"):
            async with sessions.transaction():
                async with sessions.transaction(isolation_level=AUTOCOMMIT) as session:
                    await insert_row(session, "lost")
                    await session.execute(select(1))
                raise ValueError("no")
        assert await names() == []

    @only_postgresql
    async def test_those_who_wait_are_told(self, sessions: Sessions, names: Names) -> None:
        told: list[list[str]] = []
        async with sessions.transaction(isolation_level=AUTOCOMMIT) as session:
            after_commit(lambda: told.append([]))
            await insert_row(session, "kept")
        assert told == [[]]


class TestPropagation:
    async def test_mandatory(self, sessions: Sessions, names: Names) -> None:
        with pytest.raises(RuntimeError, match="MANDATORY"):
            await save(sessions, "lost", propagation="MANDATORY")
        async with sessions.transaction():
            await save(sessions, "kept", propagation="MANDATORY")
        assert await names() == ["kept"]

    async def test_never(self, sessions: Sessions, names: Names) -> None:
        with pytest.raises(RuntimeError, match="NEVER"):
            async with sessions.transaction() as session:
                session.add(lamp("lost"))
                async with sessions.transaction(propagation="NEVER"):
                    pass
        async with sessions.transaction(propagation="NEVER") as session:
            assert (await session.scalars(select(Product))).all() == []
        assert await names() == []

    async def test_supports_joins(self, sessions: Sessions, names: Names) -> None:
        async with sessions.transaction():
            await save(sessions, "kept", propagation="SUPPORTS")
        assert await names() == ["kept"]

    async def test_not_supported_suspends(self, sessions: Sessions, names: Names) -> None:
        async with sessions.transaction() as outer:
            outer.add(lamp("not yet to be seen"))
            await outer.flush()
            async with sessions.transaction(propagation="NOT_SUPPORTED") as inner:
                assert (await inner.scalars(select(Product))).all() == []
            assert sessions.get_current_session() is outer
        assert await names() == ["not yet to be seen"]

    @pytest.mark.parametrize("propagation", ["SUPPORTS", "NOT_SUPPORTED", "NEVER"])
    async def test_without_a_transaction_nothing_can_be_written(
        self, sessions: Sessions, names: Names, propagation: str
    ) -> None:
        with pytest.raises(ReadOnlyError):
            await save(sessions, "lost", propagation=propagation)
        assert await names() == []

    async def test_an_unknown_one(self, sessions: Sessions) -> None:
        with pytest.raises(ValueError, match="SOMETIMES"):
            await save(sessions, "lost", propagation="SOMETIMES")


class TestRollbackRules:
    async def test_an_error_of_no_rollback_for_commits(self, sessions: Sessions, names: Names) -> None:
        with pytest.raises(KeyError):
            async with sessions.transaction(no_rollback_for=(LookupError,)) as session:
                session.add(lamp("kept"))
                raise KeyError
        assert await names() == ["kept"]

    async def test_an_error_outside_of_rollback_for_commits(self, sessions: Sessions, names: Names) -> None:
        for error in (KeyError, ValueError):
            with pytest.raises(error):
                async with sessions.transaction(rollback_for=(ValueError,)) as session:
                    session.add(lamp(error.__name__))
                    raise error
        assert await names() == ["KeyError"]

    async def test_a_failing_commit_then_is_raised_instead(self, sessions: Sessions, names: Names) -> None:
        """The changes could not be kept: the caller must learn that."""
        with pytest.raises(Exception, match="stock"):
            async with sessions.transaction(no_rollback_for=(KeyError,)) as session:
                session.add(lamp("lost", stock=-1))
                raise KeyError
        assert await names() == []


class TestCancellation:
    async def test_a_timeout_rolls_back(self, sessions: Sessions, names: Names) -> None:
        for _ in range(POOL_SIZE * 2):
            with pytest.raises(TimeoutError):
                async with asyncio.timeout(0.02), sessions.transaction() as session:
                    session.add(lamp("lost"))
                    await session.flush()
                    await asyncio.sleep(10)
            assert in_use(sessions) == 0
        await save(sessions, "kept")
        assert await names() == ["kept"]

    async def test_a_task_cancelled_in_a_statement(self, sessions: Sessions, names: Names, is_sqlite: bool) -> None:
        async with sessions.transaction() as blocker:
            blocker.add(lamp("kept"))
            await blocker.flush()
            slow = text(
                "SELECT 1" if is_sqlite else "SELECT pg_sleep(10)"
            )  # SQLite waits for the lock even before this

            async def wait() -> None:
                async with sessions.transaction(propagation="REQUIRES_NEW") as session:
                    await session.execute(slow)

            task = asyncio.create_task(wait())
            await asyncio.sleep(0.05)
            task.cancel()
            with pytest.raises(asyncio.CancelledError):
                await task
        assert in_use(sessions) == 0
        assert await names() == ["kept"]

    async def test_a_task_cancelled_twice(self, sessions: Sessions, names: Names) -> None:
        """The second cancellation comes while the connection returns to the pool."""

        async def work() -> None:
            async with sessions.transaction() as session:
                session.add(lamp("lost"))
                await session.flush()
                await asyncio.sleep(10)

        task = asyncio.create_task(work())
        await asyncio.sleep(0.05)
        task.cancel()
        await asyncio.sleep(0)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        async with asyncio.timeout(2):
            while in_use(sessions):
                await asyncio.sleep(0.01)
        assert await names() == []


class TestReading:
    async def test_no_transaction_is_open(self, sessions: Sessions, is_sqlite: bool) -> None:
        async with sessions.transaction(read_only=True) as session:
            await session.execute(select(Product))
            raw = await (await session.connection()).get_raw_connection()
            if is_sqlite:
                assert raw.driver_connection is not None
                assert not raw.driver_connection.in_transaction
                return
            pid = await session.scalar(text("SELECT pg_backend_pid()"))
            async with sessions.engine.connect() as other:
                state = text("SELECT state FROM pg_stat_activity WHERE pid = :pid")
                assert await other.scalar(state, {"pid": pid}) == "idle"

    async def test_it_sees_what_others_commit_and_does_not_hinder_them(self, sessions: Sessions) -> None:
        count = text("SELECT count(*) FROM products")
        async with sessions.transaction(read_only=True) as session:
            assert await session.scalar(count) == 0
            await save(sessions, "meanwhile", propagation="REQUIRES_NEW")
            assert await session.scalar(count) == 1

    async def test_it_reads_while_another_writes(self, sessions: Sessions) -> None:
        async with sessions.transaction() as writing:
            writing.add(lamp("not yet"))
            await writing.flush()
            async with sessions.transaction(propagation="REQUIRES_NEW", read_only=True) as session:
                assert (await session.scalars(select(Product))).all() == []

    async def test_the_connection_is_transactional_again_afterwards(self, sessions: Sessions, names: Names) -> None:
        for _ in range(POOL_SIZE):
            async with sessions.transaction(read_only=True) as session:
                await session.execute(select(Product))
            with pytest.raises(ValueError, match="no"):
                async with sessions.transaction() as session:
                    session.add(lamp("lost"))
                    await session.flush()
                    raise ValueError("no")
        assert await names() == []

    @only_postgresql
    async def test_an_isolation_level_holds(self, sessions: Sessions) -> None:
        count = text("SELECT count(*) FROM products")
        async with sessions.transaction(read_only=True, isolation_level="REPEATABLE READ") as session:
            assert await session.scalar(count) == 0
            await save(sessions, "meanwhile", propagation="REQUIRES_NEW")
            assert await session.scalar(count) == 0
        async with sessions.transaction(isolation_level="SERIALIZABLE") as session:
            assert await session.scalar(text("SHOW transaction_isolation")) == "serializable"
        async with sessions.transaction() as session:
            assert await session.scalar(text("SHOW transaction_isolation")) == "read committed"


Write = Callable[[AsyncSession], Awaitable[object]]

INSERT = "INSERT INTO products VALUES (7, 'Lost', 'lost', NULL, 1, 0, true, 1, '2026-01-01', '2026-01-01')"
WRITES = {
    "insert": INSERT,
    "in lower case and after a break": "\n  insert into products (name) values ('lost')",
    "update": "UPDATE products SET stock = 7",
    "delete": "DELETE FROM products",
    "delete after a comment": "/* tidy */ DELETE FROM products",
    "insert of a CTE": "WITH new AS (SELECT 1) INSERT INTO products SELECT * FROM products",
    "delete in a CTE": "WITH gone AS\n(DELETE FROM products RETURNING *)\nSELECT * FROM gone",
    "truncate": "TRUNCATE products",
    "drop": "DROP TABLE products",
}


class TestWritingWhileReading:
    @pytest.mark.parametrize("statement", WRITES.values(), ids=WRITES.keys())
    async def test_a_statement(self, sessions: Sessions, names: Names, statement: str) -> None:
        await save(sessions, "here")
        with pytest.raises(ReadOnlyError):
            async with sessions.transaction(read_only=True) as session:
                await session.execute(text(statement))
        assert await names() == ["here"]

    async def test_a_new_entity(self, sessions: Sessions, names: Names) -> None:
        with pytest.raises(ReadOnlyError):
            async with sessions.transaction(read_only=True) as session:
                session.add(lamp("lost"))
        with pytest.raises(ReadOnlyError):
            async with sessions.transaction(read_only=True) as session:
                session.add(lamp("lost"))
                await session.flush()
        assert await names() == []

    async def test_a_changed_or_deleted_entity(self, sessions: Sessions, names: Names) -> None:
        await save(sessions, "here")
        with pytest.raises(ReadOnlyError):
            async with sessions.transaction(read_only=True) as session:
                (await session.scalars(select(Product))).one().name = "changed"
        with pytest.raises(ReadOnlyError):
            async with sessions.transaction(read_only=True) as session:
                await session.delete((await session.scalars(select(Product))).one())
        assert await names() == ["here"]

    async def test_in_a_call_that_joins(self, sessions: Sessions, names: Names) -> None:
        with pytest.raises(ReadOnlyError):
            async with sessions.transaction(read_only=True):
                await save(sessions, "lost")
        assert await names() == []

    async def test_a_reader_that_joins_a_writer_sees_its_rows(self, sessions: Sessions, names: Names) -> None:
        async with sessions.transaction() as outer:
            outer.add(lamp("kept"))
            await outer.flush()
            async with sessions.transaction(read_only=True) as inner:
                assert (await inner.scalars(select(Product.name))).all() == ["kept"]
        assert await names() == ["kept"]

    async def test_an_error_of_the_body_is_not_covered_up(self, sessions: Sessions) -> None:
        with pytest.raises(ValueError, match="mine"):
            async with sessions.transaction(read_only=True) as session:
                session.add(lamp("lost"))
                raise ValueError("mine")

    async def test_common_table_expressions_and_locks_are_reads(self, sessions: Sessions) -> None:
        async with sessions.transaction(read_only=True) as session:
            assert await session.scalar(text("WITH one AS (SELECT 1 AS n) SELECT n FROM one")) == 1
            await session.execute(select(Product).with_for_update())


class TestConcurrency:
    async def test_tasks_have_transactions_of_their_own(self, sessions: Sessions, names: Names) -> None:
        async def work(number: int) -> None:
            async with sessions.transaction() as session:
                session.add(lamp(f"task {number}"))
                await session.flush()
                if number % 2:
                    raise ValueError

        results = await asyncio.gather(*map(work, range(POOL_SIZE)), return_exceptions=True)
        assert [type(result) for result in results] == [type(None), ValueError, type(None)]
        assert sorted(await names()) == ["task 0", "task 2"]

    async def test_an_exhausted_pool_is_an_unavailable_database(self, sessions: Sessions) -> None:
        async def hold() -> None:
            async with sessions.transaction(read_only=True) as session:
                await session.execute(select(Product))
                await release.wait()

        release = asyncio.Event()
        holders = [asyncio.create_task(hold()) for _ in range(POOL_SIZE)]
        while in_use(sessions) < POOL_SIZE:
            await asyncio.sleep(0.01)
        with pytest.raises(DatabaseUnavailableError):
            await save(sessions, "lost")
        release.set()
        await asyncio.gather(*holders)
        await save(sessions, "kept")


class TestDecorators:
    """The same rules through pico-sqlalchemy's decorators."""

    async def test_an_error_does_not_poison_the_next_call(self, probe_container: PicoContainer) -> None:
        service, repo = probe_container.get(ProbeService), probe_container.get(ProbeRepository)
        manager = probe_container.get(SessionManager)
        with pytest.raises(ValueError, match="no"):
            await service.save_and_fail(lamp("lost"), ValueError("no"))
        assert in_use(manager) == 0
        with pytest.raises(RuntimeError, match="No active transaction"):
            get_session(manager)
        await service.save(lamp("kept"))
        assert [product.name for product in await repo.with_stock()] == ["kept"]

    async def test_no_rollback_for(self, probe_container: PicoContainer) -> None:
        with pytest.raises(HarmlessError):
            await probe_container.get(ProbeService).save_and_fail_harmlessly(lamp("kept"))
        assert await probe_container.get(ProbeRepository).named(name="kept")

    async def test_read_only(self, probe_container: PicoContainer) -> None:
        with pytest.raises(ReadOnlyError):
            await probe_container.get(ProbeService).save_while_reading(lamp("lost"))
        assert await probe_container.get(ProbeRepository).with_stock() == []

    async def test_a_query_in_a_transaction_sees_its_rows(self, probe_container: PicoContainer) -> None:
        product = lamp("here")
        assert await probe_container.get(ProbeService).save_and_find(product) is product
