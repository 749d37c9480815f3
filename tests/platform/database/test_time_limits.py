"""Time limits of the server beside those of the client: a database in trouble gets no further sessions."""
# ruff: noqa: ASYNC110 - the tests wait for the server

import asyncio
from collections.abc import AsyncIterator
from contextlib import suppress
from contextvars import Context
from typing import Any

import asyncpg
import pytest
from pico_sqlalchemy import AppBase
from sqlalchemy import make_url, select, text, update

from myapp.platform.database.migrations import migration_engine
from myapp.platform.database.sessions import TransactionalSessionManager, wait_for_row
from myapp.platform.errors import DatabaseUnavailableError
from myapp.products.models import Product
from tests.databases import PATIENT, Databases, empty_tables, libpq_url
from tests.proxy import Proxy

from .conftest import POOL_SIZE, execute, lamp, only_postgresql, session_manager

pytestmark = only_postgresql

Sessions = TransactionalSessionManager

COMMAND_TIMEOUT = 0.4
LIMITS = ("statement_timeout", "lock_timeout", "idle_in_transaction_session_timeout", "tcp_user_timeout")


class Onlooker:
    """A session beside those of the application."""

    def __init__(self, connection: Any) -> None:
        self.connection = connection

    async def sessions(self, condition: str = "true") -> int:
        """Return how many sessions of others use the database."""
        found: int = await self.connection.fetchval(
            "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database()"
            f" AND application_name <> 'onlooker' AND {condition}"
        )
        return found

    async def wait_until_no_session(self, condition: str, seconds: float = 5) -> None:
        async with asyncio.timeout(seconds):
            while await self.sessions(condition):
                await asyncio.sleep(0.02)


@pytest.fixture(scope="module")
def own_url(database_kind: str, databases: Databases) -> str:
    """Return the URL of a database in which no other module has sessions."""
    return databases.migrated(database_kind)


@pytest.fixture
async def onlooker(own_url: str) -> AsyncIterator[Onlooker]:
    connection = await asyncpg.connect(libpq_url(own_url), server_settings={"application_name": "onlooker"})
    yield Onlooker(connection)
    await connection.close()


@pytest.fixture
async def sessions(own_url: str) -> AsyncIterator[Sessions]:
    made = session_manager(own_url, command_timeout=COMMAND_TIMEOUT, pool_timeout=5)
    await empty_tables(made.engine, AppBase.metadata)
    async with made.transaction() as session:
        session.add_all([lamp("locked"), lamp("free")])
    yield made
    await made.engine.dispose()


async def write(sessions: Sessions, name: str) -> None:
    async with sessions.transaction() as session:
        await wait_for_row(sessions, name)
        await session.execute(select(Product).where(Product.name == name).with_for_update())
        await session.execute(update(Product).where(Product.name == name).values(stock=Product.stock + 1))


async def read(sessions: Sessions) -> None:
    async with sessions.transaction(read_only=True) as session:
        await session.execute(select(Product))


class TestSettings:
    async def test_each_limit_of_the_server_is_below_the_clients(self, own_url: str) -> None:
        for seconds in (0.2, 2.0, 60.0):
            sessions = session_manager(own_url, command_timeout=seconds)
            async with sessions.transaction(read_only=True) as session:
                found = {name: await milliseconds(session, name) for name in LIMITS}
            await sessions.engine.dispose()
            assert 0 < found["lock_timeout"] < found["statement_timeout"] < seconds * 1000
            assert found["idle_in_transaction_session_timeout"] == found["tcp_user_timeout"] == seconds * 5000

    async def test_a_limit_that_is_too_small_to_count_is_not_switched_off(self, own_url: str) -> None:
        sessions = session_manager(own_url, command_timeout=0.0001)
        try:
            # SQLAlchemy reads the server's version when it connects first. No event sees a TimeoutError there.
            with pytest.raises((DatabaseUnavailableError, TimeoutError)):
                async with sessions.transaction(read_only=True) as session:
                    await session.execute(text("SELECT pg_sleep(60)"))
        finally:
            await sessions.engine.dispose()

    async def test_migrations_have_no_limit_whatever_the_database_sets(self, database_url: str) -> None:
        name = make_url(database_url).database
        for limit in LIMITS[:3]:
            execute(database_url, f"ALTER DATABASE \"{name}\" SET {limit} = '5s'")
        async with migration_engine(database_url, PATIENT) as engine, engine.connect() as connection:
            found = {limit: await milliseconds(connection, limit) for limit in LIMITS}
        assert found == dict.fromkeys(LIMITS, 0) | {"tcp_user_timeout": PATIENT.command_timeout * 5000}


async def milliseconds(connection: Any, name: str) -> int:
    return int(await connection.scalar(text(f"SELECT setting FROM pg_settings WHERE name = '{name}'")))


class TestLocks:
    async def test_a_locked_row(self, sessions: Sessions, onlooker: Onlooker) -> None:
        """Writers of this row are refused, again and again. Writers of another row are not."""
        async with onlooker.connection.transaction():
            await onlooker.connection.execute("SELECT * FROM products WHERE name = 'locked' FOR UPDATE")
            for _ in range(2):
                refused = asyncio.gather(
                    *(write(sessions, "locked") for _ in range(POOL_SIZE - 1)), return_exceptions=True
                )
                while not refused.done():
                    await write(sessions, "free")
                    assert await onlooker.sessions() <= POOL_SIZE
                    await asyncio.sleep(0.02)
                assert {type(result) for result in await refused} == {DatabaseUnavailableError}
        await write(sessions, "locked")

    async def test_more_writers_of_a_locked_row_than_connections(self, sessions: Sessions, onlooker: Onlooker) -> None:
        """Those that wait for the row wait without a connection."""
        async with onlooker.connection.transaction():
            await onlooker.connection.execute("SELECT * FROM products WHERE name = 'locked' FOR UPDATE")
            refused = asyncio.gather(
                *(write(sessions, "locked") for _ in range(10 * POOL_SIZE)), return_exceptions=True
            )
            while not refused.done():
                async with asyncio.timeout(10):  # without waiting for one of the others
                    await write(sessions, "free")
                    await read(sessions)
                assert await onlooker.sessions("wait_event_type = 'Lock'") <= 1
                await asyncio.sleep(0.02)
            assert {type(result) for result in await refused} == {DatabaseUnavailableError}
        await asyncio.gather(*(write(sessions, "locked") for _ in range(10 * POOL_SIZE)))

    async def test_a_row_is_waited_for_once(self, sessions: Sessions) -> None:
        """Nobody waits for a turn who has one, or a connection, or a transaction around it: others may need these."""
        async with sessions.transaction():
            await sessions.wait_for_row("one")
            async with asyncio.timeout(0.3):
                await sessions.wait_for_row("one")
                async with sessions.transaction(propagation="REQUIRES_NEW"):
                    await sessions.wait_for_row("one")
        async with sessions.transaction() as session:
            await sessions.wait_for_row("one")
            async with asyncio.timeout(5):
                await asyncio.create_task(self.lock_after_a_statement(sessions), context=Context())
            await session.execute(text("SELECT 1"))

    async def lock_after_a_statement(self, sessions: Sessions) -> None:
        async with sessions.transaction() as session:
            await session.execute(text("SELECT 1"))
            async with asyncio.timeout(0.3):
                await sessions.wait_for_row("one")

    async def test_a_locked_table(self, sessions: Sessions, onlooker: Onlooker) -> None:
        """As during ALTER TABLE: everybody waits who reads this table."""
        async with onlooker.connection.transaction():
            await onlooker.connection.execute("ALTER TABLE products ADD COLUMN colour text")
            for _ in range(2):
                results = await asyncio.gather(*(read(sessions) for _ in range(POOL_SIZE)), return_exceptions=True)
                assert {type(result) for result in results} == {DatabaseUnavailableError}
                assert await onlooker.sessions() <= POOL_SIZE
        await read(sessions)

    async def test_slow_statements(self, sessions: Sessions, onlooker: Onlooker) -> None:
        async def be_slow() -> None:
            async with sessions.transaction(read_only=True) as session:
                await session.execute(text("SELECT pg_sleep(60)"))

        for _ in range(2):
            results = await asyncio.gather(*(be_slow() for _ in range(POOL_SIZE)), return_exceptions=True)
            assert {type(result) for result in results} == {DatabaseUnavailableError}
            assert await onlooker.sessions() <= POOL_SIZE
            assert not await onlooker.sessions("state = 'active'")


class TestAbandoned:
    @pytest.mark.slow
    async def test_an_idle_transaction_ends(self, sessions: Sessions, onlooker: Onlooker) -> None:
        """It held a lock that nobody would have released."""
        with pytest.raises(DatabaseUnavailableError):  # noqa: PT012
            async with sessions.transaction() as session:
                await session.execute(select(Product).where(Product.name == "locked").with_for_update())
                await onlooker.wait_until_no_session("state = 'idle in transaction'")
                await session.execute(select(Product))
        await write(sessions, "locked")

    async def test_cancelled_callers(self, sessions: Sessions, onlooker: Onlooker) -> None:
        async def be_slow() -> None:
            async with sessions.transaction() as session:
                await session.execute(text("SELECT pg_sleep(60)"))

        for _ in range(2):
            tasks = [asyncio.create_task(be_slow()) for _ in range(POOL_SIZE)]
            await asyncio.sleep(0.1)
            for task in tasks:
                task.cancel()
            await asyncio.wait(tasks)
        await onlooker.wait_until_no_session("state = 'active'")
        assert await onlooker.sessions() <= POOL_SIZE
        await write(sessions, "free")

    @pytest.mark.slow
    async def test_a_network_that_falls_silent(self, own_url: str, onlooker: Onlooker) -> None:
        """Nothing that the client sends arrives, neither a cancellation nor the end of a connection."""
        with Proxy(make_url(own_url)) as proxy:
            sessions = session_manager(proxy.url, command_timeout=COMMAND_TIMEOUT)

            async def hold(statement: str) -> None:
                async with sessions.transaction() as session:
                    await session.execute(text("SELECT 1"))
                    proxy.stall()
                    await session.execute(text(statement))

            with pytest.raises(DatabaseUnavailableError):
                await hold("SELECT 2")
            with suppress(DatabaseUnavailableError):
                await hold("SELECT pg_sleep(60)")
            assert await onlooker.sessions()
            await onlooker.wait_until_no_session("state <> 'idle'")
            await sessions.engine.dispose()
