"""Lists that are read on from a position (keyset pagination): a read costs the same wherever in the list it begins."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import lru_cache
from types import GenericAlias
from typing import Any, Literal

from pico_sqlalchemy import Sort
from pydantic import TypeAdapter, ValidationError
from sqlalchemy import ColumnElement, Row, Select, UnaryExpression, bindparam, func, select, union_all
from sqlalchemy.ext.asyncio import AsyncSession

from ..errors import InvalidCursorError
from ..lists import Position, Slice
from .columns import order_column
from .queries import NO_COLUMNS, limit_of, total_order

KEY = "_key_{}"
"""The name of a sort value in a row, and of the bind parameter for that value of a position."""

Nulls = Literal["none", "first", "last"]
Segment = tuple[list[ColumnElement[bool]], list[ColumnElement[Any]]]
"""Consecutive rows of a list: their conditions and their order. An index can serve both."""


@dataclass(frozen=True)
class Key:
    """A column of the order, in the direction in which it is read."""

    column: ColumnElement[Any]
    parameter: ColumnElement[Any]
    descending: bool
    nulls: Nulls

    def equals(self, is_null: bool) -> ColumnElement[bool]:
        return self.column.is_(None) if is_null else self.column == self.parameter

    def whole(self) -> list[Segment]:
        """Return all rows. Values and nulls are apart: no index has nulls where a descending order wants them."""
        if self.nulls == "none":
            return [([], [self._ordered()])]
        segments: list[Segment] = [([self.column.is_not(None)], [self._ordered()]), ([self.column.is_(None)], [])]
        return segments if self.nulls == "last" else segments[::-1]

    def after(self, is_null: bool, inclusive: bool) -> list[Segment]:
        """Return the rows after the value of the parameter, or after the nulls."""
        if is_null:
            return [([self.column.is_not(None)], [self._ordered()])] if self.nulls == "first" else []
        column, value = self.column, self.parameter
        if inclusive:
            follows = column <= value if self.descending else column >= value
        else:
            follows = column < value if self.descending else column > value
        nulls: list[Segment] = [([column.is_(None)], [])] if self.nulls == "last" else []
        return [([follows], [self._ordered()]), *nulls]

    def order(self, column: ColumnElement[Any] | None = None) -> ColumnElement[Any]:
        ordered = self._ordered(column)
        if self.nulls == "none":
            return ordered
        return ordered.nulls_first() if self.nulls == "first" else ordered.nulls_last()

    def _ordered(self, column: ColumnElement[Any] | None = None) -> UnaryExpression[Any]:
        column = self.column if column is None else column
        return column.desc() if self.descending else column.asc()


def segments_after(keys: Sequence[Key], nulls: Sequence[bool], inclusive: bool) -> Iterator[Segment]:
    """Yield the segments that together are the rows after a position, the nearest first.

    They are the rows that have all values of the position but the last one, then all but the last two, and so on.
    One condition for all of them, such as ``(price, id) > (?, ?)``, would not always be a range of an index: SQLite
    compares only the first column in the index, and neither database can if the directions differ.
    """
    last = len(keys) - 1
    for place in range(last, -1, -1):
        same = [key.equals(is_null) for key, is_null in zip(keys[:place], nulls, strict=False)]
        rest = [key.order() for key in keys[place + 1 :]]
        for conditions, order in keys[place].after(nulls[place], inclusive and place == last):
            yield [*same, *conditions], [*order, *rest]


class KeysetQuery:
    """A query for a slice of a list. Build it once, fetch it from any position with any parameters.

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
        self._statement = statement.add_columns(
            *(column.label(KEY.format(place)) for place, column in enumerate(self._columns))
        )
        self._limit = limit_of(self._sorts[0].field in primary)
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

    def _build(self, backward: bool, inclusive: bool, nulls: tuple[bool, ...]) -> Select[Any]:
        keys = self._keys(backward)
        if nulls:
            segments = list(segments_after(keys, nulls, inclusive))
        else:
            rest = [key.order() for key in keys[1:]]
            segments = [(conditions, [*order, *rest]) for conditions, order in keys[0].whole()]
        first, *others = segments
        rows = self._statement.where(*first[0]).order_by(*first[1]).limit(self._limit)
        if not others:
            return rows
        # A segment has the limit that the ones before it have left: most reads do not look at all of them.
        parts = [rows.cte("_part_0")]
        for number, (conditions, order) in enumerate(others, start=1):
            rows = self._statement.where(*conditions).order_by(*order).limit(self._limit)
            found = [select(func.count()).select_from(part).scalar_subquery() for part in parts]
            left: Any = self._limit
            for count in found:
                left = left - count
            parts.append(select(rows.subquery()).limit(left).cte(f"_part_{number}"))
        together = union_all(*(select(part) for part in parts)).subquery()
        order = [key.order(together.columns[KEY.format(place)]) for place, key in enumerate(keys)]
        return select(together).order_by(*order)

    def _keys(self, backward: bool) -> list[Key]:
        nulls: Nulls = "first" if backward else "last"
        return [
            Key(column, parameter, (sort.direction.upper() == "DESC") != backward, nulls if nullable else "none")
            for column, parameter, sort, nullable in zip(
                self._columns, self._parameters, self._sorts, self._nullable, strict=True
            )
        ]

    def _position(self, row: Row[Any], backward: bool) -> Position:
        values = tuple(row._mapping[KEY.format(place)] for place in range(len(self._sorts)))
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
