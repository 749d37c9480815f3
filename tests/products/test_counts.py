"""The numbers of products that the database keeps."""

import asyncio
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pico_ioc import PicoContainer
from pico_sqlalchemy import SessionManager
from sqlalchemy import column, delete, insert, table, text, update

from myapp.cli.check import print_counts
from myapp.products.models import Product
from myapp.products.schemas import ProductFilter
from myapp.products.services import ProductService

from ..databases import Databases, gate_on_postgresql, migrate
from ..fixture_types import StartContainer
from .test_properties import NEW_YEAR

ROW = {"name": "Lamp", "name_folded": "lamp", "price": 1, "stock": 0, "version": 1}
ROW |= {"created_at": NEW_YEAR, "updated_at": NEW_YEAR}

OLD_PRODUCTS = table("products", *(column(name, Product.__table__.columns[name].type) for name in [*ROW, "active"]))

flags = st.lists(st.booleans(), max_size=5)
changes = st.lists(
    st.tuples(st.sampled_from(["insert", "activate", "deactivate", "flip", "delete", "restock"]), flags, st.booleans()),
    max_size=8,
)


def statements(kind: str, active: list[bool]) -> list[Any]:
    """Return the statement that makes the change of this kind, with its parameters; none for an empty change."""
    few = Product.id.in_([n + 1 for n, flag in enumerate(active) if flag])
    match kind:
        case "insert":
            return [insert(Product), [{**ROW, "active": flag} for flag in active]] if active else []
        case "delete":
            return [delete(Product).where(few)]
        case "restock":
            return [update(Product).values(stock=7)]
        case "flip":
            return [update(Product).values(active=~Product.active)]
    return [update(Product).where(few).values(active=kind == "activate")]


async def assert_right(service: ProductService) -> None:
    for name, (kept, counted) in (await service.counts()).items():
        assert kept == counted, name


@gate_on_postgresql
@given(changes=changes)
async def test_are_right_after_any_changes(
    container: PicoContainer, service: ProductService, changes: list[tuple[str, list[bool], bool]]
) -> None:
    engine = container.get(SessionManager).engine
    for kind, active, is_kept in changes:
        async with engine.connect() as connection:
            if done := statements(kind, active):
                await connection.execute(*done)
            await (connection.commit() if is_kept else connection.rollback())
        await assert_right(service)


async def test_are_right_after_writers_at_the_same_time(service: ProductService) -> None:
    async def work(number: int) -> None:
        for step in range(4):
            product = await service.create({"name": f"Lamp {number}", "price": 1})
            if step % 2:
                await service.deactivate(product.id)
            if step == 3:
                await service.delete(product.id)

    await asyncio.gather(*map(work, range(20)))
    assert await service.counts() == {"active": (40, 40), "all": (60, 60)}


async def test_are_exact_inside_of_a_transaction(container: PicoContainer, service: ProductService) -> None:
    await service.create({"name": "Lamp", "price": 1})
    with pytest.raises(ZeroDivisionError):  # noqa: PT012 - the transaction ends with the block
        async with container.get(SessionManager).transaction():
            await service.create({"name": "Lamp", "price": 1})
            assert (await service.count(), await service.count(include_inactive=True)) == (2, 2)
            raise ZeroDivisionError
    assert (await service.count(), (await service.list_paged(1, 10)).total_elements) == (1, 1)


@pytest.mark.parametrize("database_kind", ["postgresql"], indirect=True, scope="session")
async def test_are_right_after_truncate(container: PicoContainer, service: ProductService) -> None:
    await service.create({"name": "Lamp", "price": 1})
    async with container.get(SessionManager).engine.begin() as connection:
        await connection.execute(text("TRUNCATE products"))
    assert await service.counts() == {"active": (0, 0), "all": (0, 0)}


async def test_begin_with_the_products_that_are_there(
    start: StartContainer, database_kind: str, databases: Databases
) -> None:
    url = databases.empty(database_kind)
    migrate(url, target="0012")
    container = start({"DATABASE__URL": url, "ENGINE__MIGRATE_ON_START": "false", "EVENTS__RELAY": "false"})
    async with container.get(SessionManager).engine.begin() as connection:
        # The model has columns that later migrations add.
        await connection.execute(insert(OLD_PRODUCTS), [{**ROW, "active": flag} for flag in (True, True, False)])
    await asyncio.to_thread(migrate, url)
    assert await container.get(ProductService).counts() == {"active": (2, 2), "all": (3, 3)}


async def test_a_wrong_number_is_found_and_is_the_total_of_pages_without_filters(
    start: StartContainer, database_url: str, capsys: pytest.CaptureFixture[str]
) -> None:
    container = start({"DATABASE__URL": database_url, "EVENTS__RELAY": "false"})
    service = container.get(ProductService)
    await service.create({"name": "Lamp", "price": 1})
    assert await print_counts(service)
    assert capsys.readouterr().out == "active products: 1 (right)\nall products: 1 (right)\n"
    async with container.get(SessionManager).engine.begin() as connection:
        await connection.execute(text("UPDATE product_counts SET active = active + 5 WHERE slot = 0"))
    assert not await print_counts(service)
    assert "active products: 1 (WRONG, the database keeps 6)" in capsys.readouterr().out
    assert (await service.list_paged(1, 10)).total_elements == 6
    assert (await service.list_paged(1, 10, ProductFilter(search="lamp"))).total_elements == 1
    assert await print_counts(service, repair=True)
    assert "counted anew" in capsys.readouterr().out
    await service.create({"name": "Lamp", "price": 1})
    assert await service.counts() == {"active": (2, 2), "all": (2, 2)}


@pytest.mark.parametrize("database_kind", ["postgresql"], indirect=True)
async def test_an_open_transaction_of_somebody_else_stops_nobody(start: StartContainer, database_url: str) -> None:
    """It holds one row of the numbers. Twenty sessions, more than there are rows, create products meanwhile."""
    container = start({"DATABASE__URL": database_url, "DATABASE__POOL_SIZE": "20", "EVENTS__RELAY": "false"})
    service = container.get(ProductService)
    product = await service.create({"name": "Lamp", "price": 1})
    async with container.get(SessionManager).engine.connect() as other:
        await other.execute(delete(Product).where(Product.id == product.id))
        await asyncio.gather(*(service.create({"name": "Lamp", "price": 1}) for _ in range(40)))
        await other.rollback()
    assert await service.counts() == {"active": (41, 41), "all": (41, 41)}
