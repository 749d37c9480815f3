"""The engine: supported databases, limits of the pool, settings of connections, disposal."""

import asyncio
from collections.abc import Callable
from pathlib import Path
from urllib.parse import quote

import pytest
from pico_sqlalchemy import SessionManager
from pico_sqlalchemy.config import DatabaseSettings
from sqlalchemy import NullPool, event, make_url, text

from myapp.boot import create_container
from myapp.platform.database.engine import EngineSettings, create_engine
from myapp.platform.database.sessions import TransactionalSessionManager
from myapp.platform.errors import DatabaseUnavailableError, StartupError
from myapp.products.services import ProductService
from tests.databases import Databases, migrate
from tests.issuer import Issuer
from tests.proxy import Proxy

from .conftest import execute, only_postgresql, only_sqlite, session_manager


class TestUrl:
    def test_an_unlimited_pool_is_refused(self) -> None:
        with pytest.raises(StartupError, match=r"database\.pool_size"):
            create_engine(DatabaseSettings(url="sqlite+aiosqlite:///products.db", pool_size=0), EngineSettings())

    @only_postgresql
    async def test_a_password_with_per_cent_and_other_signs(
        self, database_url: str, postgres_role: Callable[..., str]
    ) -> None:
        password = "100%/@:#? %41"
        url = postgres_role(database_url, password=password)
        assert quote(password, safe="") in url or "%25" in url
        role = url.partition("//")[2].partition(":")[0]
        execute(database_url, f'GRANT ALL ON ALL TABLES IN SCHEMA public TO "{role}"')
        migrate(url)
        sessions = session_manager(url)
        async with sessions.transaction(read_only=True) as session:
            assert await session.scalar(text("SELECT current_user")) == role
        await sessions.engine.dispose()

    async def test_a_file_name_with_per_cent(self, tmp_path: Path) -> None:
        (tmp_path / "100% new").mkdir()
        migrate(f"sqlite+aiosqlite:///{tmp_path}/100% new/products.db")
        assert (tmp_path / "100% new/products.db").exists()


class TestPool:
    async def test_null_pool_keeps_no_connection(self, shared_url: str) -> None:
        """A worker has an event loop for each task, and must not use a connection of another loop."""
        sessions = session_manager(shared_url, null_pool=True)
        assert isinstance(sessions.engine.pool, NullPool)
        for _ in range(2):
            async with sessions.transaction(read_only=True) as session:
                assert await session.scalar(text("SELECT 1")) == 1

    @only_sqlite
    async def test_sqlite_connections_have_their_pragmas(self, sessions: TransactionalSessionManager) -> None:
        pragmas = {}
        async with sessions.engine.connect() as connection:
            for name in ("foreign_keys", "journal_mode", "busy_timeout"):
                pragmas[name] = (await connection.exec_driver_sql(f"PRAGMA {name}")).scalar_one()
        assert pragmas == {"foreign_keys": 1, "journal_mode": "wal", "busy_timeout": 300}

    @only_postgresql
    async def test_postgresql_plans_for_the_values_of_each_call(self, shared_url: str) -> None:
        sessions = session_manager(shared_url)
        async with sessions.transaction(read_only=True) as session:
            assert await session.scalar(text("SELECT current_setting('plan_cache_mode')")) == "force_custom_plan"
        await sessions.engine.dispose()

    @only_postgresql
    async def test_a_server_that_does_not_take_a_setting_in_time_is_unavailable(self, shared_url: str) -> None:
        with Proxy(make_url(shared_url)) as proxy:
            sessions = session_manager(proxy.url, command_timeout=0.2)
            # The server is silent from the moment at which it has accepted the connection.
            event.listen(sessions.engine.sync_engine, "connect", lambda *_: proxy.stall(), insert=True)
            with pytest.raises(DatabaseUnavailableError):
                async with sessions.transaction(read_only=True) as session:
                    await session.scalar(text("SELECT 1"))
            assert sessions.engine.pool.checkedout() == 0  # type: ignore[attr-defined] # of QueuePool
            await sessions.engine.dispose()
            proxy.resume()
            await asyncio.sleep(0.2)  # asyncpg asks on another connection to cancel the statement


class TestDisposal:
    async def test_the_container_closes_its_connections(
        self, database_kind: str, databases: Databases, issuer: Issuer, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setenv("DATABASE__URL", databases.migrated(database_kind))
        monkeypatch.setenv("AUTH_CLIENT__ISSUER", issuer.url)
        container = create_container()
        await container.get(ProductService).search("lamp")
        pool = container.get(SessionManager).engine.pool
        assert pool.checkedin() == 1
        await container.ashutdown()
        assert pool.checkedin() == 0
        assert container.get(SessionManager).engine.pool is not pool
