"""Translate errors of the database driver into domain errors.

An unreachable database is a 503, a violated constraint a 422, a violated unique constraint a 409. Other errors stay as
they are.
"""

import logging
import time
from collections.abc import Iterator
from typing import Any

from pico_sqlalchemy import AppBase
from sqlalchemy import Connection, Constraint, Engine, Index, Table, UniqueConstraint, event
from sqlalchemy.engine import Dialect, ExceptionContext
from sqlalchemy.exc import IntegrityError
from sqlalchemy.pool import ConnectionPoolEntry

from ..errors import AlreadyExistsError, ConstraintViolationError, DatabaseUnavailableError, DomainError
from ..text import error_summary

logger = logging.getLogger(__name__)

# PostgreSQL's classes and codes of errors (https://www.postgresql.org/docs/current/errcodes-appendix.html).
READ_ONLY_SQLSTATE = "25006"
# The connection is of no more use: connection lost, server shuts down, limit of an idle session or of a transaction.
LOST_SQLSTATES = ("08", "57P", "25P03", "25P04")
# The transaction was rolled back in favour of another one: serialisation failure, deadlock.
VICTIM_SQLSTATES = ("40001", "40P01")
# A prepared statement is missing, or there already: a pooler in transaction mode has changed the session.
POOLER_SQLSTATES = ("26000", "42P05")
POOLER_FOUND = (
    "a pooler in transaction mode stands before the database: "
    "set engine.transaction_pooler (ENGINE__TRANSACTION_POOLER), or use its session mode"
)
LOCK_NOT_AVAILABLE = "55P03"
# Transient: also out of resources, operator intervention (with the time limit of a statement), a read-only server, lock
# not available.
TRANSIENT_SQLSTATES = (
    *LOST_SQLSTATES,
    *VICTIM_SQLSTATES,
    "53",
    "57",
    READ_ONLY_SQLSTATE,
    LOCK_NOT_AVAILABLE,
    *POOLER_SQLSTATES,
)
# SQLite's primary result codes of transient errors: BUSY, LOCKED, READONLY, IOERR, FULL, CANTOPEN
# (https://sqlite.org/rescode.html).
TRANSIENT_SQLITE_CODES = {5, 6, 8, 10, 13, 14}

CONNECTED_AT = "connected_at"
RECONNECT_PAUSE = 1.0
"""Seconds until a connection to a read-only server is replaced."""


def translate_faults(engine: Engine) -> None:
    """Make connects and statements of ``engine`` raise a domain error wherever one fits."""
    event.listen(engine, "do_connect", connect)
    event.listen(engine, "connect", note_time)
    event.listen(engine, "handle_error", translate)


def connect(dialect: Dialect, _record: object, arguments: Any, parameters: Any) -> Any:
    try:
        return dialect.connect(*arguments, **parameters)
    except Exception as error:
        logger.warning("cannot connect to the database: %s", error_summary(error))
        raise DatabaseUnavailableError from error


def note_time(_connection: object, record: ConnectionPoolEntry) -> None:
    record.info[CONNECTED_AT] = time.monotonic()


def translate(context: ExceptionContext) -> BaseException | None:
    error = context.original_exception
    if isinstance(error, DatabaseUnavailableError):
        return error
    if not isinstance(error, Exception):
        return None  # a cancelled task; SQLAlchemy takes it for a disconnect
    if isinstance(context.sqlalchemy_exception, IntegrityError):
        return constraint_violation(error)
    if context.is_disconnect or is_transient(error):
        if isinstance(error, TimeoutError):
            # This connection is in the middle of a command: it must not go back to the pool. A regular close would wait
            # two more seconds for the server, which does not answer.
            context.is_disconnect = True
            if context.connection is not None:
                # asyncpg's own connection: SQLAlchemy types it as Any | None
                context.connection.connection.driver_connection.terminate()  # type: ignore[union-attr]
        elif is_useless(error, context.connection):
            context.is_disconnect = True  # SQLAlchemy then replaces this connection and all older ones of the pool
        logger.warning("the database did not answer: %s", error_summary(error))
        if sqlstate_of(error) in POOLER_SQLSTATES:
            logger.error(POOLER_FOUND)
        unavailable = DatabaseUnavailableError()
        unavailable.__cause__ = error
        return unavailable
    return None


def is_useless(error: Exception, connection: Connection | None) -> bool:
    """Return whether the connection that raised ``error`` has to be replaced.

    After a failover, the old server may live on and accept reads only. If a new connection is read-only as well, a
    replacement would not help; it is kept for a while, so that failing writes do not slow down the reads.
    """
    sqlstate = sqlstate_of(error)
    if sqlstate == READ_ONLY_SQLSTATE and connection is not None and not connection.closed:
        return bool(time.monotonic() - connection.info[CONNECTED_AT] > RECONNECT_PAUSE)
    return sqlstate.startswith(LOST_SQLSTATES)


def is_transient(error: BaseException) -> bool:
    if isinstance(error, OSError | TimeoutError | DatabaseUnavailableError):
        return True
    code = getattr(error, "sqlite_errorcode", None) or 0
    return sqlstate_of(error).startswith(TRANSIENT_SQLSTATES) or (code & 0xFF) in TRANSIENT_SQLITE_CODES


def is_victim(error: DatabaseUnavailableError) -> bool:
    """Return whether the same transaction can succeed if it is tried again at once."""
    return error.__cause__ is not None and sqlstate_of(error.__cause__) in VICTIM_SQLSTATES


def sqlstate_of(error: BaseException | None) -> str:
    """Return PostgreSQL's code of ``error``, or an empty string."""
    return getattr(error, "sqlstate", None) or ""


def constraint_violation(error: BaseException) -> DomainError | None:
    """Return the error for the violated constraint, found by its name.

    Return None for a constraint without a name (NOT NULL): violating it is a bug of this service.
    """
    name = getattr(error.__cause__, "constraint_name", None) or str(error).rpartition("constraint failed: ")[2]
    for table in AppBase.metadata.tables.values():
        constraints: list[Constraint | Index] = [*table.constraints, *unique_indexes(table)]
        for constraint in constraints:
            if name in (constraint.name, sqlite_name(constraint)):
                violation = violation_of(constraint)
                violation.__cause__ = error
                return violation
    return None


def unique_indexes(table: Table) -> Iterator[Index]:
    """Yield the unique indexes of ``table``. Unlike a constraint, such an index can be added to a large table."""
    return (index for index in table.indexes if index.unique)


def sqlite_name(constraint: Constraint | Index) -> str | None:
    """Return how SQLite names a violated unique constraint: by its columns, not by its name."""
    if not isinstance(constraint, UniqueConstraint | Index):
        return None
    return ", ".join(f"{column.table.name}.{column.name}" for column in constraint.columns)


def violation_of(constraint: Constraint | Index) -> DomainError:
    if isinstance(constraint, UniqueConstraint | Index):
        return AlreadyExistsError(constraint.info.get("field") or " and ".join(constraint.columns.keys()))
    return ConstraintViolationError(str(constraint.name), constraint.info.get("field"))
