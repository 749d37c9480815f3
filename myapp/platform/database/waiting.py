"""Wait for the database at start, and say why it cannot be used."""

import asyncio
import ssl
import time
from pathlib import Path

import asyncpg
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from ..errors import StartupError
from ..text import error_summary
from .faults import POOLER_SQLSTATES, is_transient, sqlstate_of
from .preconditions import check_preconditions, pooler_found, sqlite_file_fault
from .url import SETTING

PAUSE = 0.2
"""Seconds between two attempts to connect."""

PERMANENT = (
    "rejected SSL upgrade",  # asyncpg, if the server has no TLS
    # PgBouncer 1.18 has one code for all of its errors, also for those that pass
    "unsupported startup parameter",
    "no such database",
    "no such user",
)
"""Parts of messages of errors that have the type or the code of a transient one."""

SQLITE_LOCKED = {5, 6}
"""SQLite's result codes BUSY and LOCKED: another process has the lock."""


async def wait_for_database(
    engine: AsyncEngine, seconds: float, transaction_pooler: bool = False, setting: str = SETTING
) -> None:
    """Wait until the database accepts a connection, then check that it is as this service needs it.

    Raises StartupError with the reason after ``seconds``, or at once if waiting cannot help: a file that cannot be
    written, wrong credentials, no such database, a certificate that is not trusted.
    """
    if engine.dialect.name == "sqlite" and (fault := sqlite_file_fault(Path(engine.url.database or ""))):
        raise StartupError(f"{setting}: {fault}")
    deadline = time.monotonic() + seconds
    reason = "no answer"
    while True:
        try:
            async with asyncio.timeout(max(deadline - time.monotonic(), 0.1)), engine.connect() as connection:
                await enable_wal(connection)
                await check_preconditions(engine, transaction_pooler, setting)
                return
        except StartupError:
            raise
        except Exception as error:
            cause = getattr(error, "orig", None) or error
            if sqlstate_of(cause) in POOLER_SQLSTATES:
                raise pooler_found(setting) from error
            if not may_pass(cause):
                raise StartupError(f"{setting}: {error_summary(cause)}") from error
            if not isinstance(cause, TimeoutError) or str(cause):  # the last attempt may have been cut short
                reason = error_summary(cause)
            if time.monotonic() >= deadline:
                raise StartupError(f"{setting}: no connection within {seconds:g} s: {reason}") from error
        await asyncio.sleep(PAUSE)


def may_pass(error: BaseException) -> bool:
    """Return whether the next attempt to connect may succeed."""
    if any(text in str(error) for text in PERMANENT):
        return False
    if isinstance(error, ssl.SSLError):  # EOF: the connection was lost
        return isinstance(error, ssl.SSLEOFError | ssl.SSLZeroReturnError)
    if code := getattr(error, "sqlite_errorcode", None):
        return (code & 0xFF) in SQLITE_LOCKED
    if isinstance(error.__cause__, asyncpg.TargetServerAttributeNotMatched):  # a standby, until it is promoted
        return True
    return is_transient(error)


async def enable_wal(connection: AsyncConnection) -> None:
    """Put SQLite in WAL mode: readers and the writer do not block each other. The file keeps the mode."""
    if connection.dialect.name == "sqlite":
        await connection.exec_driver_sql("PRAGMA journal_mode=WAL")
