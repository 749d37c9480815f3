"""Slices of a list follow each other in the order of numbered pages, in both directions, nulls included."""

from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pico_sqlalchemy import PageRequest, Sort
from sqlalchemy import delete, insert

from myapp.platform.database.keyset import KeysetQuery
from myapp.platform.database.queries import PagedQuery, select_records
from myapp.platform.database.sessions import TransactionalSessionManager
from myapp.platform.errors import InvalidCursorError
from myapp.platform.lists import Position, Slice
from myapp.products.models import Product

NEW_YEAR = datetime(2026, 1, 1, tzinfo=UTC)
FIELDS = ["id", "description", "price", "stock", "active", "created_at"]

rows = st.lists(
    st.fixed_dictionaries(
        {
            "name": st.just("Lamp"),
            "description": st.none() | st.sampled_from(["", "a", "B", "\u00e4", "\uffff", "\U0001f4a1"]),
            "price": st.sampled_from([Decimal("0.01"), Decimal("0.10"), Decimal("9999999999.99")]),
            "stock": st.integers(0, 2),
            "active": st.booleans(),
            "version": st.just(1),
            "created_at": st.integers(0, 2).map(lambda number: NEW_YEAR + timedelta(microseconds=number)),
        }
    ),
    max_size=20,
)
orders = st.lists(
    st.builds(Sort, st.sampled_from(FIELDS), st.sampled_from(["ASC", "DESC"])),
    max_size=3,
    unique_by=lambda sort: sort.field,
)

Read = Callable[[Position | None], Any]


def ids(items: Any) -> list[int]:
    return [item.id for item in items]


async def fill(sessions: TransactionalSessionManager, rows: list[dict[str, Any]]) -> None:
    async with sessions.transaction() as session:
        await session.execute(delete(Product))
        if rows:
            await session.execute(insert(Product), rows)


def reader(sessions: TransactionalSessionManager, sorts: list[Sort], limit: int) -> Read:
    query = KeysetQuery(Product, select_records(Product), sorts)

    async def read(position: Position | None) -> Slice:
        async with sessions.transaction(read_only=True) as session:
            return await query.fetch(session, {}, limit, position)

    return read


@given(rows=rows, sorts=orders, limit=st.integers(1, 8))
async def test_slices_are_the_list_in_both_directions(
    sessions: TransactionalSessionManager, rows: list[dict[str, Any]], sorts: list[Sort], limit: int
) -> None:
    await fill(sessions, rows)
    read = reader(sessions, sorts, limit)
    async with sessions.transaction(read_only=True) as session:
        paged = PagedQuery(Product, select_records(Product), sorts)
        expected = ids((await paged.fetch(session, PageRequest(0, 100), {})).content)

    found = await read(None)
    assert found.prev is None
    slices = [found]
    while found.next:
        found = await read(found.next)
        slices.append(found)
    assert [id for each in slices for id in ids(each.items)] == expected
    assert all(len(each.items) == limit for each in slices[:-1])
    assert slices[-1].items or len(slices) == 1

    backward = [found]
    while found.prev:
        found = await read(found.prev)
        backward.insert(0, found)
    assert [id for each in backward for id in ids(each.items)] == expected
    assert backward[0].prev is None


@pytest.mark.parametrize("backward", [False, True])
async def test_the_way_back_from_where_nothing_is_left_begins_there(
    sessions: TransactionalSessionManager, backward: bool
) -> None:
    row = {"name": "Lamp", "price": Decimal(1), "version": 1}
    await fill(sessions, [row, row])
    read = reader(sessions, [Sort("price")], 1)
    items = [(await read(None)).items[0], (await read((await read(None)).next)).items[0]]
    here, gone = items[::-1] if backward else items
    async with sessions.transaction() as session:
        await session.execute(delete(Product).where(Product.id == gone.id))
    empty = await read(Position(("1.00", here.id), backward))
    onward, back = (empty.prev, empty.next) if backward else (empty.next, empty.prev)
    assert (empty.items, onward) == ([], None)
    again = await read(back)
    assert ids(again.items) == [here.id]

    async with sessions.transaction() as session:
        await session.execute(delete(Product))
    empty = await read(back)
    assert empty == Slice([], *((back_of(back), None) if not backward else (None, back_of(back))))


def back_of(position: Position) -> Position:
    return replace(position, backward=not position.backward, inclusive=not position.inclusive)


@pytest.mark.parametrize("values", [(), (1,), (1, 2, 3), ("x", 1), (None, 1), (1, "x"), ("1.00", None), ([], {})])
async def test_a_position_of_another_order_is_refused(
    sessions: TransactionalSessionManager, values: tuple[Any, ...]
) -> None:
    with pytest.raises(InvalidCursorError):
        await reader(sessions, [Sort("price")], 1)(Position(values))


async def test_an_unknown_field_is_refused() -> None:
    with pytest.raises(ValueError, match="Invalid sort field"):
        KeysetQuery(Product, select_records(Product), [Sort("colour")])
