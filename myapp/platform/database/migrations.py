"""Alembic at start: wait for the database, take a lock, upgrade."""

import asyncio
import time
from pathlib import Path
from typing import Any

from alembic import command
from alembic.config import Config
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from alembic.util import CommandError
from pico_sqlalchemy.config import DatabaseSettings
from pico_sqlalchemy.migrations import AlembicMigrator
from sqlalchemy import Connection, NullPool, make_url
from sqlalchemy.exc import DBAPIError
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine, create_async_engine

from ..errors import StartupError
from ..pico.replacing import replaces
from ..text import error_summary
from .engine import EngineSettings, driver_arguments
from .faults import is_passing

MIGRATION_LOCK = 7_265_337_465_215
"""Key of PostgreSQL's advisory lock; any number will do that nothing else in the database locks."""

LOCK_PAUSE = 0.1
"""Seconds between two tries to get it."""


@replaces(AlembicMigrator)
class LockedMigrator(AlembicMigrator):
    """Upgrades the schema behind a lock, so that any number of processes may start at once.

    pico-sqlalchemy 0.5.3 migrates without a lock and cannot read a URL with ``%`` in it.
    """

    def __init__(self, settings: DatabaseSettings, engine: EngineSettings) -> None:
        super().__init__(settings)
        self._database = settings
        self._engine = engine

    def configure_database(self, engine: AsyncEngine) -> None:
        """Called once at start, outside of any event loop. Raises StartupError when the database cannot be used."""
        asyncio.run(self._start(self._engine.migrate_on_start))

    def migrate(self) -> None:
        """Migrate whatever ``engine.migrate_on_start`` says. Raises StartupError."""
        asyncio.run(self._start(migrate=True))

    async def _start(self, migrate: bool) -> None:
        async with migration_engine(self._database.url, self._engine) as engine:
            make_folder(self._database.url)
            await wait_for_database(engine, self._engine.startup_timeout)
            if migrate:
                await upgrade(engine, self.config(), self._database.migrations_target)

    def config(self) -> Config:
        config = Config()
        config.set_main_option("script_location", self._database.migrations_path.replace("%", "%%"))
        return config

    def head(self) -> str | None:
        """The revision that the code needs."""
        return head_of(self.config())


class migration_engine:
    """An engine for a few statements: no pool, no time limit on a statement, closed at the end."""

    def __init__(self, url: str, settings: EngineSettings) -> None:
        arguments = driver_arguments(url, settings)
        arguments.pop("command_timeout", None)
        if url.startswith("sqlite"):
            arguments["timeout"] = 60.0  # seconds to wait for another process that is migrating
        self._engine = create_async_engine(url, poolclass=NullPool, connect_args=arguments)

    async def __aenter__(self) -> AsyncEngine:
        return self._engine

    async def __aexit__(self, failure: type[BaseException] | None, *_: object) -> None:
        await self._engine.dispose()
        if failure:
            # aiosqlite 0.22: the thread of a connection that could not be opened still has to tell this event loop.
            await asyncio.sleep(0.1)


def make_folder(url: str) -> None:
    """The folder of SQLite's file, where only that last folder is missing. Raises StartupError."""
    parsed = make_url(url)
    if parsed.drivername == "sqlite+aiosqlite" and parsed.database:
        folder = Path(parsed.database).parent
        try:
            folder.mkdir(exist_ok=True)
        except OSError as error:
            raise StartupError(f"database.url (DATABASE__URL): the folder {folder}: {error.strerror}") from error


async def wait_for_database(engine: AsyncEngine, seconds: float) -> None:
    """Raises StartupError when there is no connection within ``seconds``, or at once for what waiting does not cure:
    wrong credentials, no such database, an option that the driver does not know."""
    deadline = time.monotonic() + seconds
    while True:
        try:
            async with asyncio.timeout(max(deadline - time.monotonic(), 0.1)), engine.connect() as connection:
                await enable_wal(connection)
                return
        except Exception as error:
            cause = getattr(error, "orig", None) or error
            if not is_passing(cause):
                raise StartupError(f"database.url (DATABASE__URL): {error_summary(cause)}") from error
            if time.monotonic() >= deadline:
                raise StartupError(
                    f"database.url (DATABASE__URL): no connection within {seconds:g} s ({type(cause).__name__})"
                ) from error
        await asyncio.sleep(0.2)


async def enable_wal(connection: AsyncConnection) -> None:
    """Readers do not wait for the writer, nor it for them; SQLite remembers it in the file."""
    if connection.dialect.name == "sqlite":
        await connection.exec_driver_sql("PRAGMA journal_mode=WAL")


async def upgrade(engine: AsyncEngine, config: Config, target: str) -> None:
    """Upgrade to ``target`` unless the schema is there already. Raises StartupError when it cannot."""
    try:
        async with engine.connect() as connection:
            if target == "head" and await connection.run_sync(revision) == head_of(config):
                return
        async with engine.connect() as connection:
            await connection.run_sync(run, command.upgrade, config, target)
    except CommandError as error:  # a revision that this release does not know
        raise unusable_migrations(error) from error
    except DBAPIError as error:
        raise StartupError(f"database.url (DATABASE__URL): migration failed: {error_summary(error.orig)}") from error


def run(connection: Connection, action: Any, config: Config, *arguments: Any) -> None:
    """Run an Alembic command on ``connection``, with the lock taken first. What it has not finished when it fails is
    undone: on SQLite everything, on PostgreSQL the migration that failed."""
    lock(connection)
    config.attributes["connection"] = connection
    action(config, *arguments)
    connection.commit()


def lock(connection: Connection) -> None:
    """Wait until nobody else migrates. On SQLite the lock is a transaction, on PostgreSQL it is the connection's until
    it is closed, so that each migration can have a transaction of its own, or commit in the middle."""
    if connection.dialect.name == "sqlite":
        connection.exec_driver_sql("BEGIN IMMEDIATE")
        return
    # A statement that waits would have a snapshot, for whose end CREATE INDEX CONCURRENTLY waits.
    while not connection.exec_driver_sql(f"SELECT pg_try_advisory_lock({MIGRATION_LOCK})").scalar_one():
        connection.commit()
        time.sleep(LOCK_PAUSE)
    connection.commit()


def revision(connection: Connection) -> str | None:
    """The revision that the database is at; None for an empty one."""
    return MigrationContext.configure(connection).get_current_revision()


def head_of(config: Config) -> str | None:
    try:
        return ScriptDirectory.from_config(config).get_current_head()
    except CommandError as error:
        raise unusable_migrations(error) from error


def unusable_migrations(error: CommandError) -> StartupError:
    return StartupError(f"database.migrations_path (DATABASE__MIGRATIONS_PATH): {error}")
