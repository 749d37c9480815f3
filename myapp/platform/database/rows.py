"""Statements that write one row and return it. Columns, defaults and the version come from the model."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from functools import cache
from typing import Any, cast

from sqlalchemy import CursorResult, Result, Row, bindparam, delete, insert, update
from sqlalchemy.sql.dml import ReturningDelete, ReturningInsert, ReturningUpdate

from .columns import record_columns

Statement = ReturningInsert[Any] | ReturningUpdate[Any] | ReturningDelete[Any]

Record = Row[Any]
"""A row as ``select_records`` reads it: it has the attributes of the entity, and cannot be changed."""

KEY = "_key"
"""The bind parameter for the primary key of the row to change."""


@dataclass(frozen=True, slots=True)
class RowChange:
    """A statement that inserts, updates or deletes one row, and its parameters.

    It returns the row as ``select_records`` reads it, the primary key first. Changes of the same columns share one
    statement.
    """

    statement: Statement
    values: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Context:
    """What the default of a column may ask, as SQLAlchemy's context of an execution answers it."""

    values: Mapping[str, Any]

    def get_current_parameters(self) -> Mapping[str, Any]:
        return self.values


def changed_count(result: Result[Any]) -> int:
    """Return how many rows an INSERT, UPDATE or DELETE has written. SQLAlchemy's types know this of a cursor only."""
    return cast("CursorResult[Any]", result).rowcount


def values_of(row: Record) -> Mapping[Any, Any]:
    """Return the values of ``row`` by column."""
    return row._mapping  # SQLAlchemy's public name, with an underscore because columns are attributes too


def new_row(entity: Any, values: Mapping[str, Any]) -> dict[str, Any]:
    """Return ``values`` with the model's defaults for all other columns, in version 1."""
    return with_defaults(entity, {**values, entity.__mapper__.version_id_col.name: 1}, "default")


def changed_row(entity: Any, row: Record, values: Mapping[str, Any]) -> dict[str, Any]:
    """Return ``values`` with what an update of ``row`` sets too: the next version, and columns with ``onupdate``."""
    version: str = entity.__mapper__.version_id_col.name
    return with_defaults(entity, {**values, version: values_of(row)[version] + 1}, "onupdate")


def with_defaults(entity: Any, values: dict[str, Any], kind: str) -> dict[str, Any]:
    context = Context(values)
    for name, default in defaults_of(entity, kind):
        if name not in values:
            values[name] = default.arg(context) if default.is_callable else default.arg
    return values


@cache
def defaults_of(entity: Any, kind: str) -> list[tuple[str, Any]]:
    columns = entity.__table__.columns
    return [(column.name, default) for column in columns if (default := getattr(column, kind)) is not None]


def insertion(entity: Any, values: Mapping[str, Any]) -> RowChange:
    """Return the change that inserts ``values``, a ``new_row``."""
    return RowChange(insert_statement(entity, frozenset(values)), values)


def modification(entity: Any, row: Record, values: Mapping[str, Any]) -> RowChange:
    """Return the change that sets ``values``, a ``changed_row``, in ``row``, which the transaction has locked."""
    return RowChange(update_statement(entity, frozenset(values)), {**values, KEY: row[0]})


def deletion(entity: Any, row: Record) -> RowChange:
    """Return the change that deletes ``row``, which the transaction has locked."""
    return RowChange(delete_statement(entity), {KEY: row[0]})


@cache
def insert_statement(entity: Any, names: Collection[str]) -> Statement:
    return insert(entity.__table__).values(parameters(entity, names)).returning(*record_columns(entity))


@cache
def update_statement(entity: Any, names: Collection[str]) -> Statement:
    changed = update(entity.__table__).where(has_key(entity)).values(parameters(entity, names))
    return changed.returning(*record_columns(entity))


@cache
def delete_statement(entity: Any) -> Statement:
    return delete(entity.__table__).where(has_key(entity)).returning(*record_columns(entity))


def parameters(entity: Any, names: Collection[str]) -> dict[str, Any]:
    columns = entity.__table__.columns
    return {column.name: bindparam(column.name, type_=column.type) for column in columns if column.name in names}


def has_key(entity: Any) -> Any:
    [key] = entity.__table__.primary_key
    return key == bindparam(KEY, type_=key.type)
