"""The SQLAlchemy engine: supported databases, time limits, and what SQLite needs to be told."""

from dataclasses import dataclass
from typing import Annotated, Any

from pico_ioc import configured
from pico_sqlalchemy.config import DatabaseSettings
from pydantic import Field
from sqlalchemy import Connection, NullPool, event, make_url
from sqlalchemy.exc import ArgumentError, InvalidatePoolError
from sqlalchemy.ext.asyncio import AsyncEngine, create_async_engine

from ..config import Seconds
from ..errors import DatabaseUnavailableError, StartupError
from .faults import translate_faults

READ_ONLY = "read_only"
"""Execution option of connections that only read: no transaction is begun on SQLite."""


@configured(target="self", prefix="engine", mapping="tree")
@dataclass
class EngineSettings:
    """What pico-sqlalchemy's own section ``database`` has no key for. Times are in seconds."""

    max_overflow: Annotated[int, Field(ge=0)] = 0
    pool_timeout: Seconds = 3.0
    connect_timeout: Seconds = 1.0
    command_timeout: Seconds = 2.0
    sqlite_busy_timeout: Seconds = 3.0
    null_pool: bool = False
    migrate_on_start: bool = True
    startup_timeout: Seconds = 10.0


def driver_arguments(url: str, settings: EngineSettings) -> dict[str, Any]:
    """Arguments for the driver's ``connect``. Raises StartupError for a URL of a database that is not supported."""
    try:
        driver = make_url(url).drivername
    except (ArgumentError, ValueError):  # ValueError: of a port that is not a number
        driver = ""
    match driver:
        case "postgresql+asyncpg":
            return {"timeout": settings.connect_timeout, "command_timeout": settings.command_timeout}
        case "sqlite+aiosqlite" if make_url(url).database not in (None, "", ":memory:"):
            # The driver begins no transaction by itself; begin_immediate does.
            return {"timeout": settings.sqlite_busy_timeout, "isolation_level": None}
    raise StartupError(
        "database.url (DATABASE__URL): must be sqlite+aiosqlite:///FILE or postgresql+asyncpg://USER:PASSWORD@HOST/NAME"
    )


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
    engine = create_async_engine(
        database.url,
        echo=database.echo,
        hide_parameters=True,  # a statement's values are what clients sent, which is not for the log
        connect_args=driver_arguments(database.url, settings),
        **pool,
    )
    translate_faults(engine.sync_engine)
    if engine.dialect.name == "sqlite":
        event.listen(engine.sync_engine, "connect", enforce_foreign_keys)
        event.listen(engine.sync_engine, "begin", begin_immediate)
    else:
        event.listen(engine.sync_engine, "connect", plan_for_values)
        event.listen(engine.sync_engine, "checkout", refuse_closed)
    return engine


def enforce_foreign_keys(connection: Any, _record: object) -> None:
    connection.execute("PRAGMA foreign_keys=ON").close()


def begin_immediate(connection: Connection) -> None:
    """Take SQLite's write lock at once: what a transaction has read cannot change before it writes."""
    if not connection.get_execution_options().get(READ_ONLY):
        connection.exec_driver_sql("BEGIN IMMEDIATE")


def plan_for_values(connection: Any, _record: object) -> None:
    """Have PostgreSQL plan a statement for the values of each call: some 50 µs. After five calls it would take one plan
    for all values where that looks no dearer, and then read the whole table for a rare word as for a common one."""
    try:
        connection.run_async(lambda driver: driver.execute("SET plan_cache_mode = force_custom_plan"))
    except OSError as error:  # no answer in time, too
        connection.driver_connection.terminate()
        raise DatabaseUnavailableError from error


def refuse_closed(connection: Any, _record: object, _proxy: object) -> None:
    """Replace connections that a restarted server has closed, without the round trip of ``pool_pre_ping``."""
    if connection.driver_connection.is_closed():
        raise InvalidatePoolError("the server closed this connection")
