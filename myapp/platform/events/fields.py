"""The fields of an entity that events record. They come from its model, so a new column is recorded automatically."""

from collections.abc import Mapping
from decimal import Decimal
from typing import Any

from ..database.columns import recorded_fields

Values = Mapping[str, Any]
Fields = dict[str, Any]
"""Values by column name; an amount of money is a float."""


def fields_of(entity: Any, row: Values) -> Fields:
    """Return all recorded fields of ``row``, the values of an ``entity`` by column."""
    values = ((name, row[name]) for name in recorded_fields(entity))
    return {name: float(value) if isinstance(value, Decimal) else value for name, value in values}


def changed_fields(before: Fields, after: Fields) -> tuple[Fields, Fields]:
    """Return the fields that differ: their values before, and their values after."""
    old = {name: value for name, value in before.items() if differ(value, after[name])}
    return old, {name: after[name] for name in old}


def differ(one: Any, other: Any) -> bool:
    """Return whether two values of a field differ in JSON. In Python, the members 1, 1.0 and true would be equal."""
    if isinstance(one, dict) and isinstance(other, dict):
        return one != other or any(type(value) is not type(other[name]) for name, value in one.items())
    return bool(one != other)
