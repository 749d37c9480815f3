"""From a driver's error to a domain error: unreachable is 503, a violated constraint 422 or, where a value is to be
unique, 409; the rest stays as it is."""

import logging
from typing import Any

from pico_sqlalchemy import AppBase
from sqlalchemy import Constraint, Engine, UniqueConstraint, event
from sqlalchemy.engine import Dialect, ExceptionContext
from sqlalchemy.exc import IntegrityError

from ..errors import AlreadyExistsError, ConstraintViolationError, DatabaseUnavailableError, DomainError
from ..text import error_summary

logger = logging.getLogger(__name__)

# PostgreSQL's classes and codes of passing conditions: connection, resources, operator intervention, serialisation,
# deadlock, lock not available (https://www.postgresql.org/docs/current/errcodes-appendix.html).
PASSING_SQLSTATES = ("08", "53", "57", "25006", "40001", "40P01", "55P03")
# SQLite's primary result codes of passing conditions: BUSY, LOCKED, READONLY, IOERR, FULL, CANTOPEN (https://sqlite.org/rescode.html).
PASSING_SQLITE_CODES = {5, 6, 8, 10, 13, 14}


def translate_faults(engine: Engine) -> None:
    """Make every connect and every statement of ``engine`` raise domain errors where there is one."""
    event.listen(engine, "do_connect", connect)
    event.listen(engine, "handle_error", translate)


def connect(dialect: Dialect, _record: object, arguments: Any, parameters: Any) -> Any:
    try:
        return dialect.connect(*arguments, **parameters)
    except Exception as error:
        logger.warning("cannot connect to the database: %s", error_summary(error))
        raise DatabaseUnavailableError from error


def translate(context: ExceptionContext) -> BaseException | None:
    error = context.original_exception
    if isinstance(error, DatabaseUnavailableError):
        return error
    if not isinstance(error, Exception):
        return None  # a cancelled task, which SQLAlchemy counts as a disconnect
    if isinstance(context.sqlalchemy_exception, IntegrityError):
        return constraint_violation(error)
    if context.is_disconnect or is_passing(error):
        if isinstance(error, TimeoutError):
            # A connection in the middle of a command must not go back to the pool, and its server, which does not
            # answer, need not be asked to close it: that would take two seconds more.
            context.is_disconnect = True
            if context.connection is not None:
                # asyncpg's own connection, which SQLAlchemy types as anything or nothing
                context.connection.connection.driver_connection.terminate()  # type: ignore[union-attr]
        logger.warning("the database did not answer: %s", error_summary(error))
        unavailable = DatabaseUnavailableError()
        unavailable.__cause__ = error
        return unavailable
    return None


def is_passing(error: BaseException) -> bool:
    if isinstance(error, OSError | TimeoutError):
        return True
    sqlstate = getattr(error, "sqlstate", None) or ""
    code = getattr(error, "sqlite_errorcode", None) or 0
    return sqlstate.startswith(PASSING_SQLSTATES) or (code & 0xFF) in PASSING_SQLITE_CODES


def constraint_violation(error: BaseException) -> DomainError | None:
    """The violated constraint by its name; None for one without a name (NOT NULL): that is a fault of ours."""
    name = getattr(error.__cause__, "constraint_name", None) or str(error).rpartition("constraint failed: ")[2]
    for table in AppBase.metadata.tables.values():
        for constraint in table.constraints:
            if name in (constraint.name, sqlite_name(constraint)):
                violation = violation_of(constraint)
                violation.__cause__ = error
                return violation
    return None


def sqlite_name(constraint: Constraint) -> str | None:
    """SQLite tells which columns were to be unique, not what the constraint is called."""
    if not isinstance(constraint, UniqueConstraint):
        return None
    return ", ".join(f"{constraint.table.name}.{column.name}" for column in constraint.columns)


def violation_of(constraint: Constraint) -> DomainError:
    if isinstance(constraint, UniqueConstraint):
        return AlreadyExistsError(constraint.info.get("field") or " and ".join(constraint.columns.keys()))
    return ConstraintViolationError(str(constraint.name), constraint.info.get("field"))
