"""Rules that hold for every product and every page, tried with what hypothesis makes up."""

from decimal import Decimal
from typing import Any

import httpx
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from pico_ioc import PicoContainer
from pico_sqlalchemy import SessionManager
from sqlalchemy import delete, insert

from myapp.database.types import Money
from myapp.products.models import MAX_INTEGER, Product
from myapp.products.services import ProductService
from myapp.text import fold

from .conftest import COLLECTION

tried = settings(
    max_examples=25,
    deadline=None,  # a shared machine may be slow at any moment
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)

texts = st.text(st.characters(exclude_characters="\x00", exclude_categories=["Cs"]), max_size=100)
# What pydantic strips is what Unicode calls white space; a name that has none at its ends stays as it is.
names = texts.map(lambda text: f"<{text[:98]}>")
cents = st.integers(1, 10**12 - 1)
products = st.fixed_dictionaries(
    {"name": names, "price": cents.map(lambda cent: Decimal(cent) / 100)},
    optional={"description": st.none() | texts, "stock": st.integers(0, MAX_INTEGER)},
)


@tried
@given(product=products)
async def test_what_is_created_is_what_is_read(manager: httpx.AsyncClient, product: dict[str, Any]) -> None:
    sent = product | {"price": float(product["price"])}
    created = await manager.post(COLLECTION, json=sent)
    assert created.status_code == 201, created.text
    read = await manager.get(created.headers["location"])
    assert read.json() == created.json()
    assert read.json().items() >= ({"description": None, "stock": 0, "active": True} | sent).items()


@tried
@given(name=names, part=st.tuples(st.integers(0, 100), st.integers(1, 100)))
async def test_a_search_finds_every_part_of_a_name(service: ProductService, name: str, part: tuple[int, int]) -> None:
    start, length = part
    product = await service.create({"name": name, "price": 1})
    for text in (name, name.swapcase()[:100], name[start % len(name) :][:length]):
        found = {found.id for found in await service.search(text)}
        assert (product.id in found) == (fold(text) in fold(name))
    await service.delete(product.id)


@tried
@given(cent=cents)
async def test_a_price_is_exact_to_the_cent(service: ProductService, cent: int) -> None:
    for price in (Decimal(cent) / 100, cent / 100):
        product = await service.create({"name": "Lamp", "price": price})
        kept = (await service.get_by_id(product.id)).price
        assert (kept, str(kept)) == (Decimal(cent) / 100, f"{Decimal(cent) / 100:.2f}")


@settings(max_examples=200)
@given(cent=cents)
def test_sqlite_keeps_a_price_in_a_float(cent: int) -> None:
    from sqlalchemy.dialects.sqlite import dialect

    price = Decimal(cent) / 100
    assert Money().process_result_value(Money().process_bind_param(price, dialect()), dialect()) == price


@pytest.mark.parametrize("include_inactive", [False, True])
@tried
@given(active=st.lists(st.booleans(), max_size=40), size=st.integers(1, 15))
async def test_pages_cover_everything_once_and_in_order(
    service: ProductService, container: PicoContainer, include_inactive: bool, active: list[bool], size: int
) -> None:
    await replace(container, active)
    everything = [product.id for product in await service.list_active(include_inactive=include_inactive)]
    assert len(everything) == (len(active) if include_inactive else sum(active))
    seen: list[int] = []
    for number in range(1, len(everything) // size + 3):
        page = await service.list_paged(number, size, include_inactive=include_inactive)
        assert page.total_elements == len(everything)
        assert len(page.content) == max(0, min(size, len(everything) - len(seen)))
        seen += [product.id for product in page.content]
    assert seen == everything == sorted(set(everything))


@tried
@given(active=st.lists(st.booleans(), max_size=40), size=st.integers(1, 15))
async def test_batches_cover_everything_once_and_in_order(
    service: ProductService, container: PicoContainer, active: list[bool], size: int
) -> None:
    await replace(container, active)
    seen: list[int] = []
    while batch := await service.list_active(seen[-1] if seen else 0, size):
        assert len(batch) <= size
        seen += [product.id for product in batch]
    assert seen == [product.id for product in await service.list_active(0, 1000)]
    assert len(seen) == sum(active)


async def replace(container: PicoContainer, active: list[bool]) -> None:
    """All products by new ones, which differ in whether they are active."""
    rows = [
        {"name": "Lamp", "name_folded": "lamp", "price": Decimal(1), "stock": 0, "active": flag, "version": 1}
        for flag in active
    ]
    async with container.get(SessionManager).engine.begin() as connection:
        await connection.execute(delete(Product))
        if rows:
            await connection.execute(insert(Product), rows)
