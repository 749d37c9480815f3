"""Alembic at start: wait for the database, take a lock, upgrade.

Alembic is imported only where it runs (see ``Revisions``).
"""

import asyncio
import logging
import time
from collections.abc import Collection
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pico_sqlalchemy.config import DatabaseSettings
from pico_sqlalchemy.migrations import AlembicMigrator
from sqlalchemy import Connection, NullPool
from sqlalchemy.exc import DBAPIError
from sqlalchemy.ext.asyncio import AsyncEngine, create_async_engine

from ..errors import StartupError
from ..pico.replacing import replaces
from ..text import error_summary
from .engine import EngineSettings, driver_arguments
from .preconditions import make_folder
from .revisions import Revisions, SchemaState, revisions_of
from .session_settings import NO_TIME_LIMITS, keepalive, set_for_sessions
from .url import SETTING, parse_url
from .waiting import wait_for_database

if TYPE_CHECKING:
    from alembic.config import Config

logger = logging.getLogger(__name__)

MIGRATION_LOCK = 7_265_337_465_215
"""Key of PostgreSQL's advisory lock: any number that no other program locks in this database."""

MIGRATION_SETTING = "engine.migration_url (ENGINE__MIGRATION_URL)"

LOCK_PAUSE = 0.1
"""Seconds between two attempts to take the lock."""


@replaces(AlembicMigrator)
class LockedMigrator(AlembicMigrator):
    """Upgrades the schema under a lock, so that any number of processes may start at once.

    pico-sqlalchemy 0.5.3 migrates without a lock and cannot read a URL with ``%`` in it.
    """

    def __init__(self, settings: DatabaseSettings, engine: EngineSettings) -> None:
        super().__init__(settings)
        self._database = settings
        self._engine = engine
        self._found: Collection[str] = ()
        self._has_warned = False

    def configure_database(self, engine: AsyncEngine) -> None:
        """Wait for the database and, if ``engine.migrate_on_start`` is set, upgrade it.

        pico-sqlalchemy calls this once at start, outside of any event loop. Raises StartupError if the database cannot
        be used.
        """
        asyncio.run(self._start(self._engine.migrate_on_start))

    def migrate(self) -> SchemaState:
        """Upgrade the schema even if ``engine.migrate_on_start`` is off. Raises StartupError."""
        asyncio.run(self._start(migrate=True))
        return self.revisions.state(self._found)

    async def _start(self, migrate: bool) -> None:
        url, settings = self._database.url, self._engine
        if settings.migration_url:
            parse_url(settings.migration_url, MIGRATION_SETTING)
        make_folder(url)
        async with migration_engine(url, settings) as engine:
            await wait_for_database(engine, settings.startup_timeout, settings.transaction_pooler)
            await self._look(engine)
            if migrate and not self._is_done():
                await self._upgrade(engine)
                await self._look(engine)
                if settings.migration_url and not self._is_done():
                    raise StartupError(f"{MIGRATION_SETTING}: names another database than database.url")

    async def _upgrade(self, engine: AsyncEngine) -> None:
        arguments = self.config(), self._database.migrations_target, self.revisions
        if not self._engine.transaction_pooler and not self._engine.migration_url:
            await upgrade(engine, *arguments)
            return
        if not self._engine.migration_url:
            raise StartupError(
                f"{MIGRATION_SETTING}: {self.description}, but the lock of migrations needs a session: "
                "set the address of the server itself, without the pooler"
            )
        async with migration_engine(self._engine.migration_url, self._engine, MIGRATION_SETTING) as other:
            await wait_for_database(other, self._engine.startup_timeout, setting=MIGRATION_SETTING)
            await upgrade(other, *arguments)

    async def _look(self, engine: AsyncEngine) -> None:
        """Read the revisions of the schema. Raises StartupError if this release cannot tell what they mean."""
        self._found = await found_revisions(engine)
        if self.revisions.state(self._found) is SchemaState.UNKNOWN:
            raise StartupError(f"{SETTING}: {self.description}")

    def _is_done(self) -> bool:
        state, target = self.revisions.state(self._found), self._database.migrations_target
        return state is SchemaState.AHEAD or (state is SchemaState.CURRENT and target == "head")

    def config(self) -> "Config":
        from alembic.config import Config

        config = Config()
        config.set_main_option("script_location", self._database.migrations_path.replace("%", "%%"))
        return config

    @cached_property
    def revisions(self) -> Revisions:
        return Revisions(Path(self._database.migrations_path))

    def head(self) -> str:
        """Return the revision that the code needs."""
        return self.revisions.head

    @property
    def description(self) -> str:
        """How the schema stood to this release when it was last looked at, in one line."""
        return self.revisions.describe(self._found)

    def state(self, found: Collection[str]) -> SchemaState:
        """Return the state of a schema with the revisions ``found``. Warn if a newer release has migrated it."""
        self._found = found
        self.warn_if_ahead()
        return self.revisions.state(found)

    def warn_if_ahead(self) -> None:
        """Log one warning in the life of the process if a newer release has migrated the schema."""
        if not self._has_warned and self.revisions.state(self._found) is SchemaState.AHEAD:
            self._has_warned = True
            logger.warning("%s", self.description)


def warn_if_ahead(migrator: AlembicMigrator) -> None:
    """Log a warning if a newer release has migrated the schema. Call it when logging is configured."""
    assert isinstance(migrator, LockedMigrator)
    migrator.warn_if_ahead()


class migration_engine:
    """Open an engine for a few statements, without a pool or a time limit on statements. Dispose of it at the end."""

    def __init__(self, url: str, settings: EngineSettings, setting: str = SETTING) -> None:
        address = parse_url(url, setting)
        arguments = driver_arguments(address, settings)
        if address.sqlite_file:
            arguments["timeout"] = 60.0  # seconds to wait while another process migrates
        else:
            del arguments["command_timeout"]
        self._engine = create_async_engine(address.url, poolclass=NullPool, connect_args=arguments)
        if not address.sqlite_file and not (settings.transaction_pooler and setting == SETTING):
            limits = NO_TIME_LIMITS | keepalive(settings.command_timeout)
            set_for_sessions(self._engine.sync_engine, address, limits)

    async def __aenter__(self) -> AsyncEngine:
        return self._engine

    async def __aexit__(self, failure: type[BaseException] | None, *_: object) -> None:
        await self._engine.dispose()
        if failure:
            # aiosqlite 0.22: if a connection fails to open, its thread still sends a last callback to this event loop.
            await asyncio.sleep(0.1)


async def found_revisions(engine: AsyncEngine) -> tuple[str, ...]:
    """Return the revisions of the schema. Raises StartupError if they cannot be read."""
    try:
        async with engine.connect() as connection:
            return await connection.run_sync(revisions_of)
    except (DBAPIError, OSError) as error:
        raise StartupError(f"{SETTING}: {error_summary(getattr(error, 'orig', error))}") from error


async def upgrade(engine: AsyncEngine, config: "Config", target: str, revisions: Revisions) -> None:
    """Upgrade the schema to ``target``. Raises StartupError if that fails."""
    from alembic.util import CommandError

    try:
        async with engine.connect() as connection:
            await connection.run_sync(run_locked, upgrade_if_known, config, target, revisions)
    except CommandError as error:  # the target is a revision that this release does not know
        raise StartupError(f"database.migrations_target (DATABASE__MIGRATIONS_TARGET): {error}") from error
    except (DBAPIError, OSError) as error:
        raise StartupError(f"{SETTING}: migration failed: {error_summary(getattr(error, 'orig', error))}") from error


def upgrade_if_known(config: "Config", target: str, revisions: Revisions) -> None:
    """Upgrade the schema, unless a newer release has done so while this process waited for the lock."""
    from alembic import command

    connection: Connection = config.attributes["connection"]
    state = revisions.state(revisions_of(connection))
    if connection.dialect.name != "sqlite":
        connection.commit()  # so that each migration begins its own transaction; on SQLite the transaction is the lock
    if state not in (SchemaState.AHEAD, SchemaState.UNKNOWN):
        command.upgrade(config, target)


def run_locked(connection: Connection, action: Any, config: "Config", *arguments: Any) -> None:
    """Take the lock, then run an Alembic command on ``connection``.

    A failure rolls back all migrations on SQLite, and only the failed one on PostgreSQL.
    """
    lock(connection)
    config.attributes["connection"] = connection
    action(config, *arguments)
    connection.commit()


def lock(connection: Connection) -> None:
    """Wait until no other process migrates, then take the lock.

    On SQLite the lock is a transaction. On PostgreSQL the connection holds it until it is closed, so that each
    migration can have its own transaction, or commit in the middle.
    """
    if connection.dialect.name == "sqlite":
        connection.exec_driver_sql("BEGIN IMMEDIATE")
        return
    # No blocking pg_advisory_lock: a waiting statement keeps a snapshot, and CREATE INDEX CONCURRENTLY in another
    # process would wait for that snapshot to end.
    while not connection.exec_driver_sql(f"SELECT pg_try_advisory_lock({MIGRATION_LOCK})").scalar_one():
        connection.commit()
        time.sleep(LOCK_PAUSE)
    connection.commit()
