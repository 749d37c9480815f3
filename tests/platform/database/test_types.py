"""Both databases return money and moments exactly as they were stored."""

from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta, timezone
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import Column, Integer, MetaData, Table, insert, select, text
from sqlalchemy.exc import StatementError
from sqlalchemy.ext.asyncio import AsyncEngine

from myapp.platform.database.types import Money, UtcDateTime

from .conftest import only_postgresql, session_manager

VALUES = Table(
    "values", MetaData(), Column("id", Integer, primary_key=True), Column("money", Money), Column("moment", UtcDateTime)
)

MAX = Decimal("9999999999.99")
amounts = st.decimals(min_value=-MAX, max_value=MAX, places=2)
zones = st.integers(-14 * 60, 14 * 60).map(lambda minutes: timezone(timedelta(minutes=minutes)))
moments = st.datetimes(datetime(1900, 1, 1), datetime(2200, 1, 1), timezones=zones)


@pytest.fixture(scope="module")
async def engine(shared_url: str) -> AsyncIterator[AsyncEngine]:
    made = session_manager(shared_url).engine
    async with made.begin() as connection:
        await connection.run_sync(VALUES.create)
    yield made
    async with made.begin() as connection:
        await connection.run_sync(VALUES.drop)
    await made.dispose()


async def round_trip(engine: AsyncEngine, column: Column, values: list) -> list:  # type: ignore[type-arg]
    async with engine.begin() as connection:
        await connection.execute(VALUES.delete())
        rows = [{"id": number, column.name: value} for number, value in enumerate(values)]
        await connection.execute(insert(VALUES), rows)
        return list(await connection.scalars(select(column).order_by(VALUES.c.id)))


class TestMoney:
    @given(st.lists(amounts, min_size=1, max_size=200))
    async def test_to_the_cent(self, engine: AsyncEngine, values: list[Decimal]) -> None:
        read = await round_trip(engine, VALUES.c.money, values)
        assert read == values
        assert all(isinstance(value, Decimal) and value.as_tuple().exponent == -2 for value in read)

    async def test_the_ends_of_its_range(self, engine: AsyncEngine) -> None:
        ends = [-MAX, MAX, MAX - Decimal("0.01"), Decimal("0.01"), Decimal("0.00")]
        assert await round_trip(engine, VALUES.c.money, ends) == ends

    async def test_null(self, engine: AsyncEngine) -> None:
        assert await round_trip(engine, VALUES.c.money, [None]) == [None]

    async def test_it_is_compared_and_ordered_as_a_number(self, engine: AsyncEngine) -> None:
        amounts = [Decimal("9.99"), Decimal("10.00"), Decimal("100.00")]
        await round_trip(engine, VALUES.c.money, amounts)
        async with engine.connect() as connection:
            assert list(await connection.scalars(select(VALUES.c.money).order_by(VALUES.c.money))) == amounts
            found = await connection.scalars(select(VALUES.c.money).where(VALUES.c.money > Decimal("9.99")))
            assert len(list(found)) == 2

    @only_postgresql
    async def test_its_type_in_postgresql(self, engine: AsyncEngine) -> None:
        column = text(
            "SELECT data_type || numeric_precision || ',' || numeric_scale FROM information_schema.columns"
            " WHERE table_name = 'products' AND column_name = 'price'"
        )
        async with engine.connect() as connection:
            assert await connection.scalar(column) == "numeric12,2"


class TestUtcDateTime:
    @given(st.lists(moments, min_size=1, max_size=200))
    async def test_the_same_moment_in_utc(self, engine: AsyncEngine, values: list[datetime]) -> None:
        read = await round_trip(engine, VALUES.c.moment, values)
        assert read == values
        assert all(value.tzinfo is UTC for value in read)

    async def test_null(self, engine: AsyncEngine) -> None:
        assert await round_trip(engine, VALUES.c.moment, [None]) == [None]

    async def test_without_a_zone_it_is_refused(self, engine: AsyncEngine) -> None:
        with pytest.raises(StatementError, match="time zone"):
            await round_trip(engine, VALUES.c.moment, [datetime(2026, 1, 1)])

    @only_postgresql
    async def test_the_zone_of_the_connection_does_not_matter(self, engine: AsyncEngine) -> None:
        moment = datetime(2026, 7, 1, 12, tzinfo=UTC)
        async with engine.begin() as connection:
            await connection.execute(text("SET LOCAL timezone = 'Asia/Kathmandu'"))
            await connection.execute(VALUES.delete())
            await connection.execute(insert(VALUES).values(id=1, moment=moment))
            read = await connection.scalar(select(VALUES.c.moment))
        assert read == moment
        assert read is not None
        assert read.tzinfo is UTC
