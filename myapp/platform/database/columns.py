"""Say in a model what a column is for beyond SQL; the rest of the code derives its lists of fields from it."""

from functools import cache
from typing import Any

BOOKKEEPING = {"bookkeeping": True}
"""The ``info`` of a column that the service keeps by itself: events do not record it. Keys are such columns too."""


def sortable(by: str | None = None) -> dict[str, Any]:
    """Return the ``info`` of a column by which lists may be sorted; ``by`` names the column that has its order."""
    return {"sortable": True, "sorted_by": by}


@cache
def sortable_fields(entity: Any) -> tuple[str, ...]:
    """Return the names of the sortable columns, in the order of the table."""
    return tuple(column.name for column in entity.__table__.columns if column.info.get("sortable"))


@cache
def recorded_fields(entity: Any) -> tuple[str, ...]:
    """Return the names of the columns that events record, in the order of the table: all but bookkeeping."""
    columns = entity.__table__.columns
    return tuple(column.name for column in columns if not (column.primary_key or column.info.get("bookkeeping")))


def order_column(entity: Any, field: str) -> Any:
    """Return the column that has the order of ``field``. Raises ValueError where it is not a column."""
    columns = entity.__table__.columns
    if field not in columns:
        raise ValueError(f"Invalid sort field: {field}")
    return columns[columns[field].info.get("sorted_by") or field]
