"""Errors of the database become domain errors where one fits, and stay as they are otherwise."""
# ruff: noqa: PT012 - a transaction may raise at its end

import asyncio
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import asyncpg
import pytest
from sqlalchemy import make_url, select, text
from sqlalchemy.exc import DBAPIError, IntegrityError
from sqlalchemy.ext.asyncio import AsyncSession

from myapp.health.repositories import SchemaRepository
from myapp.platform.database.faults import RECONNECT_PAUSE
from myapp.platform.database.sessions import TransactionalSessionManager
from myapp.platform.errors import AlreadyExistsError, ConstraintViolationError, DatabaseUnavailableError
from myapp.platform.events.models import Event
from myapp.products.models import Product
from tests.databases import free_port, libpq_url
from tests.fixture_types import StartContainer

from .conftest import POOL_SIZE, Names, execute, in_use, lamp, only_postgresql, only_sqlite, session_manager

Sessions = TransactionalSessionManager


class TestConstraints:
    @pytest.mark.parametrize(
        ("values", "constraint", "field"),
        [
            ({"price": "0"}, "ck_products_price_positive", "price"),
            ({"price": "-0.01"}, "ck_products_price_positive", "price"),
            ({"stock": -1}, "ck_products_stock_not_negative", "stock"),
            ({"name": "x"}, "ck_products_name_length", "name"),
        ],
    )
    async def test_a_violation_names_the_constraint_and_its_field(
        self, sessions: Sessions, names: Names, values: dict[str, object], constraint: str, field: str
    ) -> None:
        with pytest.raises(ConstraintViolationError) as raised:
            async with sessions.transaction() as session:
                session.add(lamp(**values))  # type: ignore[arg-type]
                await session.flush()
        assert (raised.value.constraint, raised.value.field) == (constraint, field)
        assert raised.value.__cause__ is not None
        assert constraint in str(raised.value)
        assert await names() == []

    async def test_at_commit_too(self, sessions: Sessions) -> None:
        with pytest.raises(ConstraintViolationError):
            async with sessions.transaction() as session:
                session.add(lamp(stock=-1))

    async def test_a_value_that_is_taken_is_a_conflict(self, sessions: Sessions) -> None:
        values = {"type": "x.y", "aggregate": "x", "version": 1, "payload": {}, "actor": "a"}
        with pytest.raises(AlreadyExistsError) as raised:
            async with sessions.transaction() as session:
                session.add_all([Event(aggregate_id="taken", **values), Event(aggregate_id="taken", **values)])
        assert raised.value.field == "aggregate and aggregate_id and version and type"
        assert raised.value.__cause__ is not None

    async def test_a_not_null_violation_stays(self, sessions: Sessions) -> None:
        with pytest.raises(IntegrityError):
            async with sessions.transaction() as session:
                session.add(lamp())
                await session.flush()
                await session.execute(text("UPDATE products SET name = NULL"))

    async def test_work_goes_on_after_one_in_a_savepoint(self, sessions: Sessions, names: Names) -> None:
        async with sessions.transaction() as session:
            session.add(lamp("kept"))
            await session.flush()
            with pytest.raises(ConstraintViolationError):
                async with session.begin_nested():
                    session.add(lamp(stock=-1))
        assert await names() == ["kept"]


class TestUnknownErrors:
    @pytest.mark.parametrize("statement", ["SELECT * FROM no_such_table", "SELEC 1", "SELECT no_such_function()"])
    async def test_they_stay(self, sessions: Sessions, statement: str) -> None:
        with pytest.raises(DBAPIError):
            async with sessions.transaction() as session:
                await session.execute(text(statement))
        async with sessions.transaction() as session:
            assert await session.scalar(text("SELECT 1")) == 1

    @only_postgresql
    async def test_cancellation_stays(self, sessions: Sessions) -> None:
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(0.05), sessions.transaction() as session:
                await session.execute(text("SELECT pg_sleep(10)"))


class TestUnavailable:
    async def test_nothing_listens(self) -> None:
        sessions = session_manager(f"postgresql+asyncpg://nobody@127.0.0.1:{free_port()}/none")
        with pytest.raises(DatabaseUnavailableError) as raised:
            async with sessions.transaction() as session:
                await session.execute(select(Product))
        assert "127.0.0.1" not in str(raised.value)
        assert in_use(sessions) == 0

    async def test_a_file_that_cannot_be_opened(self, tmp_path: Path) -> None:
        sessions = session_manager(f"sqlite+aiosqlite:///{tmp_path}/missing/products.db")
        with pytest.raises(DatabaseUnavailableError):
            async with sessions.transaction(read_only=True) as session:
                await session.execute(select(Product))
        await sessions.engine.dispose()
        await asyncio.sleep(0.05)  # aiosqlite's thread still sends a last callback to this loop

    async def test_a_database_that_takes_no_writes_at_the_moment(self, sessions: Sessions, is_sqlite: bool) -> None:
        """A standby before its promotion is an example."""
        read_only = "PRAGMA query_only = ON" if is_sqlite else "SET TRANSACTION READ ONLY"
        with pytest.raises(DatabaseUnavailableError):
            async with sessions.transaction() as session:
                await session.execute(text(read_only))
                try:
                    await session.execute(text("DELETE FROM products"))
                finally:
                    if is_sqlite:  # the connection keeps it, and goes back to the pool
                        await session.execute(text("PRAGMA query_only = OFF"))

    @only_sqlite
    async def test_sqlite_is_locked_for_longer_than_the_busy_timeout(self, sessions: Sessions) -> None:
        async with sessions.transaction() as blocker:
            await blocker.execute(text("SELECT 1"))
            with pytest.raises(DatabaseUnavailableError):
                async with sessions.transaction(propagation="REQUIRES_NEW") as session:
                    await session.execute(select(Product))


@only_postgresql
class TestPostgresqlUnavailable:
    async def test_the_server_ends_the_connection(self, sessions: Sessions, names: Names, shared_url: str) -> None:
        with pytest.raises(DatabaseUnavailableError):
            async with sessions.transaction() as session:
                session.add(lamp("lost"))
                await session.flush()
                pid = await session.scalar(text("SELECT pg_backend_pid()"))
                await terminate(shared_url, pid)
                await session.execute(select(Product))
        assert await names() == []

    async def test_an_idle_connection_that_the_server_ended_is_replaced_unseen(
        self, sessions: Sessions, shared_url: str
    ) -> None:
        async with sessions.transaction(read_only=True) as session:
            pid = await session.scalar(text("SELECT pg_backend_pid()"))
        await terminate(shared_url, pid)
        for _ in range(4):
            async with sessions.transaction(read_only=True) as session:
                assert await session.scalar(text("SELECT pg_backend_pid()")) != pid

    @pytest.mark.parametrize(("earlier", "step"), [(0, "json"), (0, "jsonb"), (1, "json")])
    async def test_a_connection_is_ended_while_it_is_set_up(
        self, shared_url: str, earlier: int, step: str, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """SQLAlchemy sets codecs for json and jsonb, then asks the first connection for features of the server."""

        class EndingConnection(asyncpg.Connection):  # type: ignore[misc]
            async def set_type_codec(self, name: str, **options: Any) -> None:
                await super().set_type_codec(name, **options)
                if name == step:
                    self.terminate()

        sessions = session_manager(shared_url, null_pool=True)
        for _ in range(earlier):
            async with sessions.transaction(read_only=True) as session:
                await session.execute(select(Product))
        monkeypatch.setattr(asyncpg, "connect", partial(asyncpg.connect, connection_class=EndingConnection))
        for read_only in (True, False):
            with pytest.raises(DatabaseUnavailableError):
                async with sessions.transaction(read_only=read_only) as session:
                    await session.execute(select(Product))

    async def test_a_statement_takes_too_long(self, shared_url: str) -> None:
        sessions = session_manager(shared_url, command_timeout=0.1)
        for _ in range(5):  # more than the pool has: each timed-out connection must have left it
            with pytest.raises(DatabaseUnavailableError):
                async with sessions.transaction() as session:
                    await session.execute(text("SELECT pg_sleep(10)"))
        async with sessions.transaction() as session:
            assert await session.scalar(text("SELECT 1")) == 1
        await sessions.engine.dispose()

    async def test_a_serialisation_failure_is_worth_another_try(self, sessions: Sessions) -> None:
        async def write(session: AsyncSession) -> None:
            await session.execute(text("UPDATE products SET stock = stock + 1"))

        async with sessions.transaction() as session:
            session.add(lamp())
        with pytest.raises(DatabaseUnavailableError):
            async with sessions.transaction(isolation_level="REPEATABLE READ") as session:
                await session.execute(select(Product))
                async with sessions.transaction(propagation="REQUIRES_NEW") as other:
                    await write(other)
                await write(session)

    async def test_a_deadlock_is_worth_another_try(self, sessions: Sessions) -> None:
        async with sessions.transaction() as session:
            session.add_all([lamp("first"), lamp("second")])
        both_hold_one = asyncio.Barrier(2)

        async def lock(*order: str) -> None:
            async with sessions.transaction() as session:
                await session.execute(text("SET LOCAL deadlock_timeout = '50ms'"))
                for name in order:
                    await session.execute(select(Product).where(Product.name == name).with_for_update())
                    if name == order[0]:
                        await both_hold_one.wait()

        results = await asyncio.gather(lock("first", "second"), lock("second", "first"), return_exceptions=True)
        assert sorted(type(result).__name__ for result in results) == ["DatabaseUnavailableError", "NoneType"]


@only_postgresql
class TestReadOnlyServer:
    """After a failover, the old server may live on and take no writes."""

    async def test_all_its_connections_are_replaced(self, database_url: str) -> None:
        set_read_only(database_url, "on")
        sessions = session_manager(database_url)
        await use_all_connections(sessions)
        set_read_only(database_url, "off")  # for new sessions only
        await asyncio.sleep(RECONNECT_PAUSE + 0.1)  # a younger connection is kept
        with pytest.raises(DatabaseUnavailableError):
            await save(sessions)
        for _ in range(POOL_SIZE):
            await save(sessions)
        await sessions.engine.dispose()

    async def test_reads_go_on_with_the_same_connections_while_writes_fail(self, database_url: str) -> None:
        set_read_only(database_url, "on")
        sessions = session_manager(database_url)
        before = await use_all_connections(sessions)
        for _ in range(POOL_SIZE):
            with pytest.raises(DatabaseUnavailableError):
                await save(sessions)
        assert await use_all_connections(sessions) == before
        await sessions.engine.dispose()

    async def test_readiness_needs_no_right_to_write_the_revision(
        self, database_url: str, postgres_role: Callable[..., str], start: StartContainer
    ) -> None:
        url = postgres_role(database_url)
        execute(database_url, f'GRANT SELECT ON alembic_version TO "{make_url(url).username}"')
        repository = start({"DATABASE__URL": url}).get(SchemaRepository)
        await repository.check_writable()
        set_read_only(database_url, "on")
        repository = start({"DATABASE__URL": url}).get(SchemaRepository)
        with pytest.raises(DatabaseUnavailableError):
            await repository.check_writable()
        set_read_only(database_url, "off")


def set_read_only(url: str, value: str) -> None:
    alter = f'ALTER DATABASE "{make_url(url).database}" SET default_transaction_read_only = {value}'
    execute(url, "SET default_transaction_read_only = off", alter)


async def save(sessions: Sessions) -> None:
    async with sessions.transaction() as session:
        session.add(lamp())


async def use_all_connections(sessions: Sessions) -> set[int]:
    """Return the server's process ids of all connections of the pool."""

    async def use() -> int:
        async with sessions.transaction(read_only=True) as session:
            pid: int = await session.scalar(text("SELECT pg_backend_pid()"))
            await all_in_use.wait()
            return pid

    all_in_use = asyncio.Barrier(POOL_SIZE)
    return set(await asyncio.gather(*(use() for _ in range(POOL_SIZE))))


async def terminate(url: str, pid: int | None) -> None:
    connection = await asyncpg.connect(libpq_url(url))
    await connection.execute("SELECT pg_terminate_backend($1)", pid)
    await connection.close()
    await asyncio.sleep(0.05)
