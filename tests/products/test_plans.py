"""The query plans of lists and searches: the databases use the indexes."""

import re
from collections.abc import AsyncIterator, Awaitable, Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from pico_ioc import PicoContainer
from pico_sqlalchemy import SessionManager, Sort
from sqlalchemy import event, text

from myapp.platform.database.columns import sortable_fields
from myapp.platform.lists import Position
from myapp.products.models import Product
from myapp.products.schemas import ProductFilter
from myapp.products.services import FoldedNames, ProductService

from ..conftest import build
from ..databases import Databases
from ..issuer import Issuer

READING = {
    "sqlite": re.compile(r"^(?:SCAN|SEARCH) products", re.MULTILINE),
    "postgresql": re.compile(r"Scan.* on products"),
}
"""A step that reads products."""
RANGE = {
    "sqlite": re.compile(r"^SEARCH products USING .*\(.*[<>]\?", re.MULTILINE),
    "postgresql": re.compile(r"Index Scan.* on products.*\n +Index Cond: .*[<>]"),
}
"""One that reads a part of an index which begins or ends at a value."""

Plan = Callable[[Awaitable[Any]], Awaitable[str]]

# Enough rows for PostgreSQL to prefer an index. SQLite does not look at the number.
MANY = """
INSERT INTO products
  (name, name_folded, name_search, name_sort, price, stock, active, version, created_at, updated_at)
SELECT
  'Lamp ' || n, 'lamp ' || n, 'lamp ' || n, 'lamp ' || length(n::text) || n, n, n % 500, true, 1,
  now() + n * interval '1 s', now() + n * interval '1 s'
FROM generate_series(1, 20000) n
"""
INDEX = {"sqlite": "VIRTUAL TABLE INDEX", "postgresql": "ix_products_name_search_trgm"}
SORTING = {"sqlite": "USE TEMP B-TREE FOR ORDER BY", "postgresql": "->  Sort"}


@pytest.fixture(scope="module")
async def catalogue(
    database_kind: str, databases: Databases, issuer: Issuer, folders: dict[str, str]
) -> AsyncIterator[PicoContainer]:
    """Return an application with many products. These tests only read them."""
    url = databases.migrated(database_kind)
    container = build({"DATABASE__URL": url, "AUTH_CLIENT__ISSUER": issuer.url, **folders})
    if database_kind == "postgresql":
        async with container.get(SessionManager).engine.begin() as connection:
            await connection.execute(text(MANY))
            await connection.execute(text("ANALYZE products"))
    yield container
    await container.ashutdown()


@pytest.fixture
def service(catalogue: PicoContainer) -> ProductService:
    made: ProductService = catalogue.get(ProductService)
    return made


@pytest.fixture
def plan(catalogue: PicoContainer) -> Plan:
    """Return a function that gets the query plan of the statements that a call sends."""
    engine = catalogue.get(SessionManager).engine
    is_sqlite = engine.dialect.name == "sqlite"

    async def plan_of(call: Awaitable[Any]) -> str:
        sent: list[tuple[str, Any]] = []

        def record(_connection: Any, _cursor: Any, statement: str, parameters: Any, *_: Any) -> None:
            sent.append((statement, parameters))

        event.listen(engine.sync_engine, "before_cursor_execute", record)
        try:
            await call
        finally:
            event.remove(engine.sync_engine, "before_cursor_execute", record)
        explain = "EXPLAIN QUERY PLAN " if is_sqlite else "EXPLAIN "
        async with engine.connect() as connection:
            rows = await connection.exec_driver_sql(explain + sent[0][0], sent[0][1])
            return "\n".join(str(row[-1]) for row in rows)

    return plan_of


@pytest.mark.parametrize("text", ["12345", "amp 12345", "12345 la 2345 LAMP", "\u00e1mp x 1234"])
async def test_a_rare_text_is_looked_up(service: ProductService, plan: Plan, database_kind: str, text: str) -> None:
    """One rare word is enough, and a word of one or two letters costs nothing beside it."""
    for limit in (1, 100):
        assert INDEX[database_kind] in await plan(service.search(text, limit))
    filters = ProductFilter(search=text)
    for sort in ([], [Sort("price", "DESC")], [Sort("name"), Sort("stock")]):
        for size in (1, 100):
            found = await plan(service.list_paged(1, size, filters, sort))
            assert found.count(INDEX[database_kind]) == 2, found  # for the page and for the total


async def test_a_common_text_needs_no_sorting(service: ProductService, plan: Plan, database_kind: str) -> None:
    for words in ("lamp", "lam amp"):
        assert SORTING[database_kind] not in await plan(service.search(words))


async def test_looking_for_unfolded_names_reads_no_others(
    catalogue: PicoContainer, plan: Plan, database_kind: str
) -> None:
    names = catalogue.get(FoldedNames)
    assert "ix_products_unfolded" in await plan(names.is_work_left())


@pytest.mark.parametrize("field", [name for name in sortable_fields(Product) if name != "id"])
async def test_every_sort_has_an_index(service: ProductService, plan: Plan, database_kind: str, field: str) -> None:
    index = f"ix_products_{'name_sort' if field == 'name' else field}"
    for direction in ("ASC", "DESC"):
        found = await plan(service.list_paged(1, 10, sort=[Sort(field, direction)]))
        assert index in found
        assert SORTING[database_kind] not in found  # the ids of equal rows may be sorted


@pytest.mark.parametrize(
    ("filters", "index"),
    [
        ({"min_price": 19990}, "price"),
        ({"max_price": 10}, "price"),
        ({"updated_since": "2999-01-01T00:00:00Z"}, "updated_at"),
        ({"in_stock": False}, "stock"),
    ],
)
async def test_a_narrow_filter_has_one_too(
    service: ProductService, plan: Plan, filters: dict[str, Any], index: str
) -> None:
    found = await plan(service.list_paged(1, 10, ProductFilter(**filters)))
    assert found.count(f"ix_products_{index}") >= 2, found


PLACE = {"id": 10_000, "name": "lamp 510000", "price": "10000.00", "stock": 250}
SORTED_BY = [(field, direction) for field in sortable_fields(Product) for direction in ("ASC", "DESC")]


def place(sort: Sort, backward: bool) -> Position:
    """Return a position in the middle of the catalogue."""
    moment = datetime.now(UTC) + timedelta(seconds=PLACE["id"])
    value = PLACE.get(sort.field, moment.isoformat())
    return Position((value,) if sort.field == "id" else (value, PLACE["id"]), backward)


@pytest.mark.parametrize(("field", "direction"), SORTED_BY)
@pytest.mark.parametrize("backward", [False, True])
async def test_reading_on_looks_up_the_place_in_an_index(
    service: ProductService, plan: Plan, database_kind: str, field: str, direction: str, backward: bool
) -> None:
    """Each segment is a range of an index that begins at the position."""
    sort = Sort(field, direction)
    found = await plan(service.scroll(10, sort=[sort], position=place(sort, backward)))
    segments = 1 if field == "id" else 2
    assert len(RANGE[database_kind].findall(found)) == segments, found
    assert len(READING[database_kind].findall(found)) == segments, found
    if field != "id":
        assert found.count(f"ix_products_{'name_sort' if field == 'name' else field}") == segments
