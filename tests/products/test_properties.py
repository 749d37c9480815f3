"""Rules that hold for every product and every page, tested with data from hypothesis."""

from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import httpx
from hypothesis import given, settings
from hypothesis import strategies as st
from pico_ioc import PicoContainer
from pico_sqlalchemy import SessionManager, Sort
from pydantic import MISSING
from sqlalchemy import delete, insert, select, update

from myapp.platform.database.columns import sortable_fields
from myapp.platform.database.types import Money
from myapp.platform.fold import fold
from myapp.platform.fold import sort_key as name_key
from myapp.platform.lists import MAX_INTEGER, Position, Slice
from myapp.platform.text import is_single_line
from myapp.products.models import Product, folds_of
from myapp.products.schemas import MAX_EXACT, TAG, ProductFilter
from myapp.products.services import ProductService

from .conftest import COLLECTION

texts = st.text(st.characters(exclude_characters="\x00", exclude_categories=["Cs"]), max_size=100)
# pydantic strips Unicode white space. A name without white space at its ends stays as it is.
names = texts.filter(is_single_line).map(lambda text: f"<{text[:98]}>")
cents = st.integers(1, 10**12 - 1)
products = st.fixed_dictionaries(
    {"name": names, "price": cents.map(lambda cent: Decimal(cent) / 100)},
    optional={
        "description": st.none() | texts,
        "stock": st.integers(0, MAX_INTEGER),
        "tags": st.lists(st.from_regex(f"{TAG}", fullmatch=True), max_size=20).map(lambda tags: sorted(set(tags))),
        "attributes": st.dictionaries(
            st.from_regex("[a-z][a-z0-9_]{0,39}", fullmatch=True),
            st.booleans()
            | st.integers(-MAX_EXACT, MAX_EXACT)
            | st.floats(allow_nan=False, allow_infinity=False)
            | st.text(st.characters(exclude_characters="\x00", exclude_categories=["Cs"]), max_size=500),
            max_size=50,
        ),
    },
)

# Few values, so that many are equal. Letters that fold to one or more others, and wildcards of patterns.
NEW_YEAR = datetime(2026, 1, 1, tzinfo=UTC)
LETTERS = ' aA%_/\\"*\u00df\u1e9e\u0130\u00c5\ufffd\uffff\U0001f4a1'
prices = st.sampled_from([Decimal("0.01"), Decimal("9.99"), Decimal(10), Decimal("9999999999.99")])
moments = st.integers(0, 3).map(lambda microseconds: NEW_YEAR + timedelta(microseconds=microseconds))
tags = st.sets(st.sampled_from(["a", "a-", "b", "-"]), max_size=3).map(sorted)
gtins = st.sampled_from(["96385074", "000096385074", "00000096385074", "036000291452", "0036000291452"])
shelf = st.fixed_dictionaries(
    {
        "name": st.text(LETTERS, min_size=2, max_size=12),
        "price": prices,
        "stock": st.integers(0, 2),
        "active": st.booleans(),
        "created_at": moments,
        "updated_at": moments,
        "tags": tags,
        "gtin": st.none() | gtins,
    }
)
shelves = st.lists(shelf, max_size=30)
changes = st.lists(st.tuples(st.sampled_from(["insert", "update", "delete"]), st.integers(0, 30), shelf), max_size=3)
USUAL = {"name": "Lamp", "price": Decimal(1), "stock": 0, "active": True, "version": 1}
USUAL |= {"created_at": NEW_YEAR, "updated_at": NEW_YEAR}
filters = (
    st.fixed_dictionaries(
        {},
        optional={
            "search": st.text(LETTERS, min_size=1, max_size=8),
            "min_price": prices,
            "max_price": prices,
            "in_stock": st.booleans(),
            "updated_since": moments,
            "tags": tags.filter(bool),
            "gtin": gtins,
            "include_inactive": st.booleans(),
        },
    )
    .filter(lambda given: given.get("min_price", 0) <= given.get("max_price", Decimal("Infinity")))
    .map(lambda given: ProductFilter(**given))
)
orders = st.lists(
    st.builds(Sort, st.sampled_from(sortable_fields(Product)), st.sampled_from(["ASC", "DESC"])),
    max_size=3,
    unique_by=lambda sort: sort.field,
)


@given(product=products)
async def test_what_is_created_is_what_is_read(manager: httpx.AsyncClient, product: dict[str, Any]) -> None:
    sent = product | {"price": float(product["price"])}
    created = await manager.post(COLLECTION, json=sent)
    assert created.status_code == 201, created.text
    read = await manager.get(created.headers["location"])
    assert read.json() == created.json()
    assert read.json().items() >= ({"description": None, "stock": 0, "active": True} | sent).items()


@given(name=names, part=st.tuples(st.integers(0, 100), st.integers(1, 100)))
async def test_a_search_finds_every_part_of_a_name(service: ProductService, name: str, part: tuple[int, int]) -> None:
    start, length = part
    product = await service.create({"name": name, "price": 1})
    for text in (name, name.swapcase()[:100], name[start % len(name) :][:length]):
        found = {found.id for found in await service.search(text)}
        assert (product.id in found) == has_words(name, text)
    await service.delete(product.id)


def has_words(name: str, text: str) -> bool:
    return all(word in fold(name) for word in fold(text).split())


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


@given(rows=shelves, filters=filters, sorts=orders, size=st.integers(1, 15))
async def test_pages_cover_what_passes_the_filters_once_and_in_order(
    service: ProductService,
    container: PicoContainer,
    rows: list[dict[str, Any]],
    filters: ProductFilter,
    sorts: list[Sort],
    size: int,
) -> None:
    await replace(container, rows)
    everything = await service.list_active(include_inactive=True)
    expected = in_order([product for product in everything if passes(product, filters)], sorts)
    seen: list[Product] = []
    for number in range(1, len(expected) // size + 3):
        page = await service.list_paged(number, size, filters, sorts)
        assert page.total_elements == len(expected)
        assert len(page.content) == max(0, min(size, len(expected) - len(seen)))
        seen += page.content
    assert [product.id for product in seen] == [product.id for product in expected]


@given(rows=shelves, filters=filters, sorts=orders, limit=st.integers(1, 7), changes=st.lists(changes, max_size=20))
async def test_what_stays_in_place_is_scrolled_past_once(
    service: ProductService,
    container: PicoContainer,
    rows: list[dict[str, Any]],
    filters: ProductFilter,
    sorts: list[Sort],
    limit: int,
    changes: list[list[tuple[str, int, dict[str, Any]]]],
) -> None:
    """Others create, change and delete products between two reads, forwards and then back."""
    await replace(container, rows)
    before = {product.id: product for product in await service.list_active(include_inactive=True)}
    moved: set[int] = set()
    script = iter(changes)

    async def read(position: Position | None) -> Slice:
        moved.update(await change(container, next(script, [])))
        found = await service.scroll(limit, filters, sorts, position)
        assert [product.id for product in found.items] == [product.id for product in in_order(list(found.items), sorts)]
        assert all(passes(product, filters) for product in found.items)
        return found

    forwards = [await read(None)]
    while position := forwards[-1].next:
        forwards.append(await read(position))
    backwards = forwards[-1:]
    while position := backwards[-1].prev:
        backwards.append(await read(position))
    expected = [product.id for product in in_order(list(before.values()), sorts) if passes(product, filters)]
    for slices in (forwards, backwards[::-1]):
        seen = [product.id for found in slices for product in found.items]
        assert [id for id in seen if id in before and id not in moved] == [id for id in expected if id not in moved]


async def change(container: PicoContainer, steps: list[tuple[str, int, dict[str, Any]]]) -> set[int]:
    """Carry out ``steps`` and return the ids of the products that were changed or deleted."""
    async with container.get(SessionManager).engine.begin() as connection:
        touched = set()
        for kind, number, row in steps:
            found = (await connection.execute(select(Product.id, Product.name_search).order_by(Product.id))).all()
            if kind == "insert":
                await connection.execute(insert(Product), [USUAL | row])
            elif found:
                id, folded = found[number % len(found)]
                touched.add(id)
                changed = update(Product).values(row | folds_of(row["name"], folded))
                await connection.execute((delete(Product) if kind == "delete" else changed).where(Product.id == id))
    return touched


def passes(product: Product, filters: ProductFilter) -> bool:
    return all(
        [
            filters.include_inactive or product.active,
            filters.search is MISSING or has_words(product.name, filters.search),
            filters.min_price is MISSING or product.price >= filters.min_price,
            filters.tags is MISSING or set(filters.tags) <= set(product.tags),
            filters.gtin is MISSING or (product.gtin or "").zfill(14) == filters.gtin.zfill(14),
            filters.max_price is MISSING or product.price <= filters.max_price,
            filters.in_stock is MISSING or filters.in_stock == (product.stock > 0),
            filters.updated_since is MISSING or product.updated_at >= filters.updated_since,
        ]
    )


def in_order(products: list[Product], sorts: list[Sort]) -> list[Product]:
    for sort in reversed([*sorts, Sort("id")]):
        products.sort(key=lambda product: sort_key(product, sort), reverse=sort.direction == "DESC")
    return products


def sort_key(product: Product, sort: Sort) -> Any:
    return name_key(product.name) if sort.field == "name" else getattr(product, sort.field)


@given(active=st.lists(st.booleans(), max_size=40), size=st.integers(1, 15))
async def test_batches_cover_everything_once_and_in_order(
    service: ProductService, container: PicoContainer, active: list[bool], size: int
) -> None:
    await replace(container, [{"active": flag} for flag in active])
    seen: list[int] = []
    while batch := await service.list_active(seen[-1] if seen else 0, size):
        assert len(batch) <= size
        seen += [product.id for product in batch]
    assert seen == [product.id for product in await service.list_active(0, 1000)]
    assert len(seen) == sum(active)


async def replace(container: PicoContainer, rows: list[dict[str, Any]]) -> None:
    """Replace all products by new ones."""
    new = [USUAL | row for row in rows]
    async with container.get(SessionManager).engine.begin() as connection:
        await connection.execute(delete(Product))
        if new:
            await connection.execute(insert(Product), new)
