"""The SQLAlchemy engine: supported databases, time limits, and settings of each new connection."""

import sqlite3
import uuid
from contextlib import suppress
from dataclasses import dataclass
from itertools import count, repeat
from typing import Annotated, Any

from pico_ioc import configured
from pico_sqlalchemy.config import DatabaseSettings
from pydantic import Field
from sqlalchemy import Connection, NullPool, event
from sqlalchemy.exc import InvalidatePoolError
from sqlalchemy.ext.asyncio import AsyncEngine, create_async_engine

from ..config import Seconds
from ..errors import StartupError
from .faults import translate_faults
from .session_settings import keepalive, set_for_sessions, time_limits
from .url import DatabaseAddress, parse_url

READ_ONLY = "read_only"
"""Execution option of connections that only read: on SQLite they begin no transaction."""

statement_names = map("products_api_{}_{}".format, repeat(uuid.uuid4().hex), count())
"""Names of prepared statements, which no other process uses.

asyncpg counts from one in each process. Behind a pooler that mixes sessions, a process could then execute a statement
of another one. With these names it fails.
"""

WITHOUT_SESSION: dict[str, Any] = {
    "statement_cache_size": 0,
    "prepared_statement_cache_size": 0,
    "prepared_statement_name_func": str,
}
"""Arguments for asyncpg and SQLAlchemy behind a pooler that may give each transaction another session.

Prepared statements then have no name, and asyncpg sends them again whenever they are used."""


@configured(target="self", prefix="engine", mapping="tree")
@dataclass
class EngineSettings:
    """Settings that are missing in pico-sqlalchemy's own section ``database``. Times are in seconds."""

    max_overflow: Annotated[int, Field(ge=0)] = 0
    pool_timeout: Seconds = 3.0
    connect_timeout: Seconds = 1.0
    command_timeout: Seconds = 2.0
    sqlite_busy_timeout: Seconds = 3.0
    null_pool: bool = False
    transaction_pooler: bool = False
    migrate_on_start: bool = True
    migration_url: str = ""
    startup_timeout: Seconds = 10.0


def driver_arguments(address: DatabaseAddress, settings: EngineSettings) -> dict[str, Any]:
    """Return the arguments for the driver's ``connect``."""
    if address.sqlite_file:
        # isolation_level None: begin_immediate begins transactions, not the driver.
        return {"timeout": settings.sqlite_busy_timeout, "isolation_level": None}
    return {
        "timeout": settings.connect_timeout,
        "command_timeout": settings.command_timeout,
        "prepared_statement_name_func": statement_names.__next__,
        **address.arguments,
        **(WITHOUT_SESSION if settings.transaction_pooler else {}),
    }


def create_engine(database: DatabaseSettings, settings: EngineSettings) -> AsyncEngine:
    if database.pool_size < 1:
        raise StartupError("database.pool_size (DATABASE__POOL_SIZE): must be at least 1")
    pool: dict[str, Any] = (
        {"poolclass": NullPool}
        if settings.null_pool
        else {
            "pool_size": database.pool_size,
            "max_overflow": settings.max_overflow,
            "pool_timeout": settings.pool_timeout,
            "pool_recycle": database.pool_recycle,
            "pool_pre_ping": database.pool_pre_ping,
        }
    )
    address = parse_url(database.url)
    engine = create_async_engine(
        address.url,
        echo=database.echo,
        hide_parameters=True,  # clients sent these values: they do not belong in the log
        connect_args=driver_arguments(address, settings),
        **pool,
    )
    translate_faults(engine.sync_engine)
    if engine.dialect.name == "sqlite":
        event.listen(engine.sync_engine, "connect", enforce_foreign_keys)
        event.listen(engine.sync_engine, "begin", begin_immediate)
        event.listen(engine.sync_engine, "invalidate", roll_back)
    else:
        event.listen(engine.sync_engine, "checkout", discard_closed)
        if not settings.transaction_pooler:
            limits = time_limits(settings.command_timeout) | keepalive(settings.command_timeout)
            set_for_sessions(engine.sync_engine, address, limits)
    return engine


def enforce_foreign_keys(connection: Any, _record: object) -> None:
    connection.execute("PRAGMA foreign_keys=ON").close()


def begin_immediate(connection: Connection) -> None:
    """Take SQLite's write lock at the beginning, so that no row changes between a transaction's read and its write."""
    if not connection.get_execution_options().get(READ_ONLY):
        connection.exec_driver_sql("BEGIN IMMEDIATE")


def roll_back(connection: Any, _record: object, _error: object) -> None:
    """End the transaction of a connection that is given up, as the one of a cancelled call is.

    Python 3.11 closes an SQLite connection when the last cursor is gone, and a traceback can hold one. The write lock
    would stay as long.
    """
    with suppress(sqlite3.Error, ValueError):  # ValueError: the connection is closed
        connection.run_async(lambda driver: driver.rollback())


def discard_closed(connection: Any, _record: object, _proxy: object) -> None:
    """Make the pool replace a connection that the server has closed, without the round trip of ``pool_pre_ping``."""
    if connection.driver_connection.is_closed():
        raise InvalidatePoolError("the server closed this connection")
