"""The ids that PostgreSQL gives to transactions which write. They never wrap around: they have 64 bits."""

from typing import Any

from sqlalchemy import BigInteger, Cast, ColumnElement, FunctionElement, Text, cast, func
from sqlalchemy.ext.compiler import compiles


class CurrentTransactionId(FunctionElement[int]):
    """The id of the transaction that executes the statement, as the default of a column. On SQLite it is 0."""

    type = BigInteger()
    inherit_cache = True


@compiles(CurrentTransactionId, "postgresql")
def on_postgresql(_element: CurrentTransactionId, _compiler: Any, **_: Any) -> str:
    return "(pg_current_xact_id())::text::bigint"


@compiles(CurrentTransactionId, "sqlite")
def on_sqlite(_element: CurrentTransactionId, _compiler: Any, **_: Any) -> str:
    return "0"


def oldest_open_transaction() -> ColumnElement[int]:
    """Return the id below which each transaction has ended, for PostgreSQL. Only transactions that write count."""
    return as_number(func.pg_snapshot_xmin(func.pg_current_snapshot()))


def next_transaction() -> ColumnElement[int]:
    """Return an id that the server has not given yet, for PostgreSQL. A larger one is of another server."""
    return as_number(func.pg_snapshot_xmax(func.pg_current_snapshot()))


def as_number(id: ColumnElement[Any]) -> Cast[int]:
    return cast(cast(id, Text), BigInteger)  # there is no cast from xid8 to a number
