"""Marks for the columns of a model, from which the rest of the code derives its lists of fields."""

from functools import cache
from typing import Any

from .types import Money

BOOKKEEPING = {"bookkeeping": True}
"""The ``info`` of a column that the service maintains itself. Events do not record it, nor the primary key."""


def sortable(by: str | None = None) -> dict[str, Any]:
    """Return the ``info`` of a column by which clients may sort lists. ``by`` names a column to sort by instead."""
    return {"sortable": True, "sorted_by": by}


@cache
def sortable_fields(entity: Any) -> tuple[str, ...]:
    """Return the names of the sortable columns, in the order of the table."""
    return tuple(column.name for column in entity.__table__.columns if column.info.get("sortable"))


@cache
def recorded_fields(entity: Any) -> tuple[str, ...]:
    """Return the names of the columns that events record, in the order of the table: all but key and bookkeeping."""
    columns = entity.__table__.columns
    return tuple(column.name for column in columns if not (column.primary_key or column.info.get("bookkeeping")))


@cache
def record_columns(entity: Any) -> tuple[Any, ...]:
    """Return the columns that are not deferred, in the order of the table: those of a record."""
    loaded = [attribute for attribute in entity.__mapper__.column_attrs if not attribute.deferred]
    return tuple(column for attribute in loaded for column in attribute.columns)


def money_fields(entity: Any) -> frozenset[str]:
    """Return the names of the columns that hold amounts of money."""
    return frozenset(column.name for column in entity.__table__.columns if isinstance(column.type, Money))


def order_column(entity: Any, field: str) -> Any:
    """Return the column to sort by for ``field``. Raises ValueError if ``field`` is not a column."""
    columns = entity.__table__.columns
    if field not in columns:
        raise ValueError(f"Invalid sort field: {field}")
    return columns[columns[field].info.get("sorted_by") or field]
