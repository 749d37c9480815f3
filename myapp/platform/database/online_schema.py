"""Change the schema of PostgreSQL while other processes read and write."""

import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress

from sqlalchemy import Connection, text
from sqlalchemy.exc import DBAPIError

from .faults import LOCK_NOT_AVAILABLE

LOCK_TIMEOUT = "1s"
PAUSE = 2.0
"""Seconds between two attempts to get a lock."""

IS_INVALID = text("SELECT NOT indisvalid FROM pg_index WHERE indexrelid = to_regclass(:name)")


def alter(connection: Connection, statement: str) -> None:
    """Execute a statement that locks a table against all others, such as ``ALTER TABLE … ADD COLUMN``.

    While it waits for a long transaction, such as a backup, all later statements on the table wait behind it. So it
    waits for a second only, and tries again until it succeeds. Call it in ``autocommit_block()``.
    """
    with short_lock_timeout(connection):
        while not succeeds(connection, statement):
            time.sleep(PAUSE)


def lock_table(connection: Connection, table: str, mode: str) -> None:
    """Lock ``table`` until the transaction ends. It waits as ``alter`` does, and holds no other lock meanwhile."""
    with short_lock_timeout(connection):
        while True:
            with suppress(LockNotAvailable), connection.begin_nested():
                if not succeeds(connection, f"LOCK TABLE {table} IN {mode} MODE"):
                    raise LockNotAvailable  # rolls back to the savepoint
                break
            time.sleep(PAUSE)


class LockNotAvailable(Exception):
    """Another transaction holds the lock."""


@contextmanager
def short_lock_timeout(connection: Connection) -> Iterator[None]:
    before = connection.exec_driver_sql("SHOW lock_timeout").scalar_one()
    connection.exec_driver_sql(f"SET lock_timeout = '{LOCK_TIMEOUT}'")
    yield
    connection.exec_driver_sql(f"SET lock_timeout = '{before}'")


def succeeds(connection: Connection, statement: str) -> bool:
    """Execute ``statement``. Return False if another transaction holds its lock."""
    try:
        connection.exec_driver_sql(statement)
    except DBAPIError as error:
        if getattr(error.orig, "sqlstate", None) == LOCK_NOT_AVAILABLE:
            return False
        raise
    return True


def create_index(connection: Connection, name: str, definition: str, *, unique: bool = False) -> None:
    """Create an index, ``definition`` being what follows ``ON``, without blocking writers, in ``autocommit_block()``.

    An interrupted build leaves an invalid index: replace it.
    """
    if connection.scalar(IS_INVALID, {"name": name}):
        connection.exec_driver_sql(f"DROP INDEX CONCURRENTLY {name}")
    kind = "UNIQUE INDEX" if unique else "INDEX"
    connection.exec_driver_sql(f"CREATE {kind} CONCURRENTLY IF NOT EXISTS {name} ON {definition}")
