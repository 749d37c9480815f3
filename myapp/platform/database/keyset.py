"""Lists that are read on from a position (keyset pagination): a read costs the same wherever in the list it begins."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import lru_cache
from types import GenericAlias
from typing import Any, Literal

from pico_sqlalchemy import Sort
from pydantic import TypeAdapter, ValidationError
from sqlalchemy import BindParameter, ColumnElement, Row, Select, bindparam, func, select, union_all
from sqlalchemy.ext.asyncio import AsyncSession

from ..errors import InvalidCursorError
from ..lists import Position, Slice
from .columns import order_column, record_columns
from .queries import NO_COLUMNS, limit_of, total_order
from .rows import values_of

KEY = "_key_{}"
"""The name of a sort value in a row, and of the bind parameter for that value of a position."""

Nulls = Literal["none", "first", "last"]


@dataclass(frozen=True)
class Key:
    """A column of the order, in the direction in which it is read. ``parameter`` is its value of a position."""

    column: ColumnElement[Any]
    parameter: BindParameter[Any]
    descending: bool
    nulls: Nulls

    def order(self, column: ColumnElement[Any] | None = None) -> ColumnElement[Any]:
        """Return the order by this column, or by another one with the same values."""
        column = self.column if column is None else column
        ordered = column.desc() if self.descending else column.asc()
        if self.nulls == "none":
            return ordered
        return ordered.nulls_first() if self.nulls == "first" else ordered.nulls_last()

    def equals(self, is_null: bool) -> ColumnElement[bool]:
        return self.column.is_(None) if is_null else self.column == self.parameter

    def follows(self, value: ColumnElement[Any], inclusive: bool = False) -> ColumnElement[bool]:
        if inclusive:
            return self.column <= value if self.descending else self.column >= value
        return self.column < value if self.descending else self.column > value

    def precedes(self, value: ColumnElement[Any]) -> ColumnElement[bool]:
        return self.column > value if self.descending else self.column < value


@dataclass(frozen=True)
class Segment:
    """Consecutive rows of a list, which an index can find: those with ``conditions``, in the order of ``keys``."""

    conditions: list[ColumnElement[bool]]
    keys: list[Key]


def whole_list(keys: Sequence[Key]) -> list[Segment]:
    """Return the segments of the whole list.

    Values and nulls are apart: a descending order wants nulls last, and no index has them there.
    """
    first, *others = keys
    if first.nulls == "none":
        return [Segment([], [*keys])]
    values = Segment([first.column.is_not(None)], [replace(first, nulls="none"), *others])
    nulls = Segment([first.column.is_(None)], others)
    return [values, nulls] if first.nulls == "last" else [nulls, values]


def after_position(keys: Sequence[Key], is_null: Sequence[bool], inclusive: bool) -> Iterator[Segment]:
    """Yield the segments of the rows after a position, the nearest first. Some of its values are null.

    They are the rows that have all values of the position but the last one, then all but the last two, and so on.
    One condition for all of them, such as ``(price, id) > (?, ?)``, would not always be a range of an index: SQLite
    looks up only the first column, and neither database looks up any if the directions differ.
    """
    for place in reversed(range(len(keys))):
        key, others = keys[place], keys[place + 1 :]
        same = [before.equals(null) for before, null in zip(keys[:place], is_null, strict=False)]
        if not is_null[place]:
            value = key.follows(key.parameter, inclusive and not others)
            yield Segment([*same, value], [replace(key, nulls="none"), *others])
            if key.nulls == "last":
                yield Segment([*same, key.column.is_(None)], [*others])
        elif key.nulls == "first":
            yield Segment([*same, key.column.is_not(None)], [replace(key, nulls="none"), *others])


class KeysetQuery:
    """A query for a slice of records. Build it once, fetch it from any position with any parameters.

    ``statement``, ``sorts`` and ``columns`` are those of a ``PagedQuery``, and so is the order.
    """

    def __init__(
        self,
        entity: Any,
        statement: Select[Any],
        sorts: Sequence[Sort] = (),
        columns: Mapping[str, ColumnElement[Any]] = NO_COLUMNS,
    ) -> None:
        primary = [column.name for column in entity.__table__.primary_key]
        self._sorts = list(total_order(sorts, primary))
        own = [order_column(entity, sort.field) for sort in self._sorts]
        self._columns = [columns.get(sort.field, column) for sort, column in zip(self._sorts, own, strict=True)]
        self._parameters = [bindparam(KEY.format(place), type_=column.type) for place, column in enumerate(own)]
        self._nullable = [entity.__table__.columns[sort.field].nullable for sort in self._sorts]
        labelled = [column.label(KEY.format(place)) for place, column in enumerate(self._columns)]
        self._records = select(*record_columns(entity))
        self._statement = statement.add_columns(*labelled)
        self._values_only = statement.with_only_columns(*labelled, maintain_column_froms=True)
        [self._id] = entity.__table__.primary_key
        self._limit: ColumnElement[int] = limit_of(self._sorts[0].field in primary)
        types = tuple(python_type(column, nullable) for column, nullable in zip(own, self._nullable, strict=True))
        values: Any = GenericAlias(tuple, types)
        self._values: TypeAdapter[tuple[Any, ...]] = TypeAdapter(values)
        self._statement_of = lru_cache(maxsize=32)(self._build)

    async def fetch(
        self, session: AsyncSession, parameters: Mapping[str, Any], limit: int, position: Position | None
    ) -> Slice:
        """Return up to ``limit`` rows from ``position`` on, or from the beginning. It takes one statement.

        Raises InvalidCursorError if ``position`` is not one of this order.
        """
        values = self._read(position) if position else ()
        nulls = tuple(value is None for value in values)
        backward, inclusive = (position.backward, position.inclusive) if position else (False, False)
        place = {KEY.format(number): value for number, value in enumerate(values) if value is not None}
        statement = self._statement_of(backward, inclusive, nulls)
        rows = (await session.execute(statement, {**parameters, **place, "_limit": limit + 1})).all()
        return self._slice(rows, limit, position, backward)

    def _slice(self, rows: Sequence[Row[Any]], limit: int, position: Position | None, backward: bool) -> Slice:
        """Return the slice of ``rows``, read in one direction. One above the limit says that more follow."""
        items = list(rows[:limit])
        onward = self._position(items[-1], backward) if len(rows) > limit else None
        if position is None:
            back = None
        elif items:
            back = self._position(items[0], not backward)
        else:  # all that was here is gone; the way back begins at the same place
            back = replace(position, backward=not backward, inclusive=not position.inclusive)
        return Slice(items[::-1], back, onward) if backward else Slice(items, onward, back)

    def _build(self, backward: bool, inclusive: bool, is_null: tuple[bool, ...]) -> Select[Any]:
        keys = self._keys(backward)
        found = after_position(keys, is_null, inclusive) if is_null else whole_list(keys)
        first, *others = [part for segment in found for part in self._in_index_order(segment)]
        if not others:
            return self._rows(self._statement, first)
        # A segment has the limit that the ones before it have left. So most reads do not look at all of them.
        parts, left = [self._rows(self._values_only, first).cte()], self._limit
        for segment in others:
            left = left - select(func.count()).select_from(parts[-1]).scalar_subquery()
            parts.append(select(self._rows(self._values_only, segment).subquery()).limit(left).cte())
        values = list(union_all(*(select(part) for part in parts)).subquery().columns)
        order = [key.order(column) for key, column in zip(keys, values, strict=True)]
        return self._records.add_columns(*values).where(self._id == values[-1]).order_by(*order)

    def _in_index_order(self, segment: Segment) -> Iterator[Segment]:
        """Split a segment in an order that no index has, such as ``price DESC, id``: any number of rows may be equal.

        An index has ``price DESC, id DESC``. The rows that are wanted end with the same price in both orders. So those
        before this price are few, and can be sorted; an index has those with this price in the order of their ids.
        """
        first, *others = segment.keys
        if len(others) != 1 or first.nulls != "none" or first.descending == others[0].descending:
            yield segment
            return
        in_index = replace(segment, keys=[first, replace(others[0], descending=first.descending)])
        wanted = self._rows(self._values_only, in_index).subquery().columns[first.parameter.key]
        # Not min or max, which PostgreSQL lacks for some types. A CTE, because both parts need it.
        last_one = select(wanted).order_by(wanted.asc() if first.descending else wanted.desc()).limit(1).cte()
        last = select(last_one).scalar_subquery()
        yield replace(segment, conditions=[*segment.conditions, first.precedes(last)])
        yield Segment([*segment.conditions, first.column == last], others)

    def _rows(self, statement: Select[Any], segment: Segment) -> Select[Any]:
        order = [key.order() for key in segment.keys]
        return statement.where(*segment.conditions).order_by(*order).limit(self._limit)

    def _keys(self, backward: bool) -> list[Key]:
        nulls: Nulls = "first" if backward else "last"
        return [
            Key(column, parameter, (sort.direction.upper() == "DESC") != backward, nulls if nullable else "none")
            for column, parameter, sort, nullable in zip(
                self._columns, self._parameters, self._sorts, self._nullable, strict=True
            )
        ]

    def _position(self, row: Row[Any], backward: bool) -> Position:
        values = tuple(values_of(row)[KEY.format(place)] for place in range(len(self._sorts)))
        return Position(tuple(self._values.dump_python(values, mode="json")), backward)

    def _read(self, position: Position) -> tuple[Any, ...]:
        try:
            return self._values.validate_python(position.values)
        except ValidationError:
            raise InvalidCursorError from None


def python_type(column: ColumnElement[Any], nullable: bool) -> Any:
    """Return the type of the column's values. A column type of ours is made of one of SQLAlchemy's."""
    kind = getattr(column.type, "impl_instance", column.type).python_type
    return kind | None if nullable else kind
