"""Change the schema of PostgreSQL while other processes read and write. For migrations, in ``autocommit_block()``."""

import time

from sqlalchemy import Connection, text
from sqlalchemy.exc import DBAPIError

LOCK_TIMEOUT = "1s"
PAUSE = 2.0
"""Seconds between two attempts to get a lock."""
LOCK_NOT_AVAILABLE = "55P03"

IS_INVALID = text("SELECT NOT indisvalid FROM pg_index WHERE indexrelid = to_regclass(:name)")


def alter(connection: Connection, statement: str) -> None:
    """Execute a statement that locks a table against all others, such as ``ALTER TABLE … ADD COLUMN``.

    While it waits for a long transaction, such as a backup, all later statements on the table wait behind it. So it
    waits for a second only, and tries again until it succeeds.
    """
    connection.exec_driver_sql(f"SET lock_timeout = '{LOCK_TIMEOUT}'")
    while True:
        try:
            connection.exec_driver_sql(statement)
            break
        except DBAPIError as error:
            if getattr(error.orig, "sqlstate", None) != LOCK_NOT_AVAILABLE:
                raise
        time.sleep(PAUSE)
    connection.exec_driver_sql("RESET lock_timeout")


def create_index(connection: Connection, name: str, definition: str) -> None:
    """Create an index, ``definition`` being what follows ``ON``, without blocking writers.

    An interrupted build leaves an invalid index: replace it.
    """
    if connection.scalar(IS_INVALID, {"name": name}):
        connection.exec_driver_sql(f"DROP INDEX CONCURRENTLY {name}")
    connection.exec_driver_sql(f"CREATE INDEX CONCURRENTLY IF NOT EXISTS {name} ON {definition}")
