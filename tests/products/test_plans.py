"""The query plans of lists and searches: the databases use the indexes."""

import json
import re
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from pico_ioc import PicoContainer
from pico_sqlalchemy import SessionManager, Sort
from sqlalchemy import event, text
from sqlalchemy.ext.asyncio import AsyncEngine

from myapp.platform.database.columns import sortable_fields
from myapp.platform.lists import MAX_INTEGER, Position
from myapp.products.bulk.schemas import BulkOrder
from myapp.products.bulk.services import BulkService
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
    "sqlite": re.compile(r"^SEARCH products USING .*\(.*[<=>]\?", re.MULTILINE),
    "postgresql": re.compile(r"Index (?:Only )?Scan.* on products.*\n +Index Cond: .*(?:name_sort|price|stock|_at|id)"),
}
"""One that reads a part of an index which begins or ends at a value."""

Plan = Callable[[Awaitable[Any]], Awaitable[str]]

# Enough rows for PostgreSQL to prefer an index. SQLite does not look at the number.
MANY = """
INSERT INTO products
  (name, name_folded, name_search, name_sort, sku, sku_folded, gtin, tags,
   price, stock, active, version, created_at, updated_at)
SELECT
  'Lamp ' || n, 'lamp ' || n, 'lamp ' || n, 'lamp ' || length(n::text) || n,
  'SKU-' || n, 'sku-' || n, lpad(n::text, 13, '0'), ARRAY['all', 'tag-' || n % 5000], n, n % 500, true, 1,
  now() + n * interval '1 s', now() + n * interval '1 s'
FROM generate_series(CAST(:first AS integer), CAST(:first AS integer) + 999) n
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
            for first in range(1, 20_000, 1000):  # a statement has a time limit
                await connection.execute(text(MANY), {"first": first})
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
        explain = "EXPLAIN QUERY PLAN " if is_sqlite else "EXPLAIN "
        return "\n".join(str(row[-1]) for row in await explained(engine, explain, call))

    return plan_of


@pytest.fixture
def rows_read(catalogue: PicoContainer) -> Callable[[Awaitable[Any]], Awaitable[int]]:
    """Return a function that counts the rows of products that PostgreSQL reads for a call."""

    async def count(call: Awaitable[Any]) -> int:
        engine = catalogue.get(SessionManager).engine
        [(found,)] = await explained(engine, "EXPLAIN (ANALYZE, FORMAT JSON) ", call)
        nodes = [json.loads(found)[0]["Plan"] if isinstance(found, str) else found[0]["Plan"]]
        total = 0
        while nodes:
            node = nodes.pop()
            nodes += node.get("Plans", [])
            if node.get("Relation Name") == "products":
                total += (node["Actual Rows"] + node.get("Rows Removed by Filter", 0)) * node["Actual Loops"]
        return total

    return count


async def explained(engine: AsyncEngine, explain: str, call: Awaitable[Any]) -> Sequence[Any]:
    """Return the rows of ``explain`` for the first statement that ``call`` sends."""
    sent: list[tuple[str, Any]] = []

    def record(_connection: Any, _cursor: Any, statement: str, parameters: Any, *_: Any) -> None:
        sent.append((statement, parameters))

    event.listen(engine.sync_engine, "before_cursor_execute", record)
    try:
        await call
    finally:
        event.remove(engine.sync_engine, "before_cursor_execute", record)
    async with engine.connect() as connection:
        return (await connection.exec_driver_sql(explain + sent[0][0], sent[0][1])).all()


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


FAR = 10_000
PLACE = {"name": "lamp 510000", "price": "10000.00", "stock": 250}
"""The values of the product in the middle of the catalogue."""
SORTED_BY = [Sort(field, direction) for field in sortable_fields(Product) for direction in ("ASC", "DESC")]


def place(sort: Sort, backward: bool) -> Position:
    moment = datetime.now(UTC) + timedelta(seconds=FAR)
    value = PLACE.get(sort.field, moment.isoformat())
    return Position((FAR,) if sort.field == "id" else (value, FAR), backward)


@pytest.mark.parametrize("sort", SORTED_BY, ids=lambda sort: f"{sort.field}-{sort.direction}")
@pytest.mark.parametrize("backward", [False, True])
async def test_reading_on_looks_up_the_place_in_an_index(
    service: ProductService, plan: Plan, database_kind: str, sort: Sort, backward: bool
) -> None:
    """The ids are ranges of the index of the sort. The products are read by their ids."""
    found = await plan(service.scroll(10, sort=[sort], position=place(sort, backward)))
    # An order that no index has needs one look more at the index, and one segment more.
    lookups = 0 if sort.field == "id" else 2 if sort.direction == "ASC" else 4
    assert len(READING[database_kind].findall(found)) == len(RANGE[database_kind].findall(found)) > lookups, found
    if lookups:
        assert found.count(f"ix_products_{'name_sort' if sort.field == 'name' else sort.field}") == lookups


@pytest.mark.parametrize("database_kind", ["postgresql"], indirect=True, scope="session")
@pytest.mark.parametrize("sort", SORTED_BY, ids=lambda sort: f"{sort.field}-{sort.direction}")
async def test_reading_on_reads_few_rows_at_any_depth_and_among_any_number_of_equals(
    service: ProductService, rows_read: Callable[[Awaitable[Any]], Awaitable[int]], sort: Sort
) -> None:
    """There are forty products of each stock, so no segment reads all of them."""
    limit = 5
    for position in (None, place(sort, False), place(sort, True)):
        assert await rows_read(service.scroll(limit, sort=[sort], position=position)) <= 4 * (limit + 1)


async def test_identifiers_and_tags_are_looked_up(
    service: ProductService, plan: Plan, database_kind: str, subtests: pytest.Subtests
) -> None:
    lookups = {"sku": ("sku-777", "uq_products_sku"), "gtin": ("4006381333931", "ix_products_gtin")}
    lookups |= {"tags": ("tag-7", "product_tags" if database_kind == "sqlite" else "ix_products_tags_gin")}
    for name, (value, index) in lookups.items():
        with subtests.test(name):
            found = await plan(service.list_paged(1, 10, ProductFilter(**{name: value})))
            assert found.count(index) >= 2, found
            assert "Seq Scan" not in found
    found = await plan(service.list_paged(1, 10, ProductFilter(tags="all,tag-7")))
    assert lookups["tags"][1] in found


@pytest.mark.parametrize("database_kind", ["postgresql"], indirect=True, scope="session")
async def test_a_batch_looks_its_products_up(catalogue: PicoContainer, plan: Plan) -> None:
    items: list[dict[str, Any]] = [{"op": "delete", "sku": f"none {number}"} for number in range(20)]
    items += [{"op": "delete", "id": MAX_INTEGER - number} for number in range(20)]
    for some in (items, items[:20], items[20:], items[:1]):
        found = await plan(catalogue.get(BulkService).apply(BulkOrder(on_error="skip", items=some)))
        assert "Seq Scan" not in found
        assert "uq_products_sku" in found or "sku" not in some[0]
