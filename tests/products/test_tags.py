"""Tags and attributes over HTTP, and the counts of tags beside a page."""

from collections import Counter
from typing import Any

import httpx
import pytest
from hypothesis import given
from pico_ioc import PicoContainer
from pico_sqlalchemy import SessionManager
from sqlalchemy import text

from myapp.platform.lists import FacetedPage
from myapp.products.schemas import ProductFilter
from myapp.products.services import ProductService

from ..fixture_types import Create
from ..platform.web.problems import assert_invalid
from .conftest import COLLECTION
from .test_properties import filters as some_filters
from .test_properties import passes, replace, shelves

PAGED = f"{COLLECTION}paged"


async def names(client: httpx.AsyncClient, **query: Any) -> list[str]:
    response = await client.get(PAGED, params=query)
    assert response.status_code == 200, response.text
    return [product["name"] for product in response.json()["items"]]


class TestFilter:
    async def test_finds_products_with_all_tags(self, viewer: httpx.AsyncClient, create: Create) -> None:
        await create("Both", tags=["sale", "new", "red"])
        await create("One", tags=["sale"])
        await create("Like it", tags=["sales", "new-red"])
        await create("None")
        assert await names(viewer, tags="sale") == ["Both", "One"]
        assert await names(viewer, tags="new,sale") == await names(viewer, tags="sale,sale,new") == ["Both"]
        assert await names(viewer, tags="sale,blue") == []
        assert await names(viewer, tags="sale", search="both") == ["Both"]
        assert await names(viewer, tags="sale", sort="-id", page_size=1, page=2) == ["Both"]

    async def test_follows_every_change(
        self, manager: httpx.AsyncClient, admin: httpx.AsyncClient, create: Create
    ) -> None:
        product = await create("Lamp", tags=["a", "b"])
        path = f"{COLLECTION}{product['id']}"
        await manager.put(path, json={"tags": ["b", "c"]})
        assert [await names(manager, tags=tag) for tag in "abc"] == [[], ["Lamp"], ["Lamp"]]
        await manager.put(path, json={"stock": 4, "name": "Torch"})
        assert [await names(manager, tags=tag) for tag in "abc"] == [[], ["Torch"], ["Torch"]]
        await manager.put(path, json={"tags": []})
        assert [await names(manager, tags=tag) for tag in "abc"] == [[], [], []]
        await manager.put(path, json={"tags": ["a"]})
        await admin.delete(path)
        assert [await names(manager, tags=tag) for tag in "abc"] == [[], [], []]

    async def test_sqlite_keeps_no_tag_of_a_deleted_product(
        self, container: PicoContainer, admin: httpx.AsyncClient, create: Create
    ) -> None:
        engine = container.get(SessionManager).engine
        if engine.dialect.name == "sqlite":
            product = await create(tags=["a", "b"])
            rows = text("SELECT tag, product_id FROM product_tags ORDER BY tag")
            async with engine.connect() as connection:
                assert (await connection.execute(rows)).all() == [("a", product["id"]), ("b", product["id"])]
            await admin.delete(f"{COLLECTION}{product['id']}")
            async with engine.connect() as connection:
                assert (await connection.execute(rows)).all() == []

    @pytest.mark.one_database
    @pytest.mark.parametrize("tags", ["", "a,", ",a", "a,,b", "A", "a b", "ä", "x" * 41, "a\x00", "a" + ",a" * 20])
    async def test_refuses_what_is_no_tag(self, viewer: httpx.AsyncClient, tags: str) -> None:
        assert_invalid(await viewer.get(PAGED, params={"tags": tags}), "tags")

    @pytest.mark.one_database
    @pytest.mark.parametrize("tag", ["", "A", "a b", "a\n", "a,b", "ä", "x" * 41, "a_b", 5, None, True, ["a"]])
    async def test_no_product_has_such_a_tag(self, manager: httpx.AsyncClient, tag: Any) -> None:
        body = {"name": "Lamp", "price": 1, "tags": ["fine", tag]}
        assert_invalid(await manager.post(COLLECTION, json=body), "#/tags/1")


class TestFacets:
    async def test_counts_the_tags_under_the_filters(
        self, viewer: httpx.AsyncClient, create: Create, create_inactive: Create
    ) -> None:
        await create("Lamp", price=5, tags=["b", "a"])
        await create("Torch", price=50, tags=["b", "c-1", "c"])
        await create("Plain", price=5)
        await create_inactive(tags=["b"])
        page = (await viewer.get(PAGED, params={"facets": "tags", "page_size": 1})).json()
        assert (len(page["items"]), page["total"]) == (1, 3)
        expected = [("b", 2), ("a", 1), ("c", 1), ("c-1", 1)]
        assert page["facets"] == {"tags": [{"value": value, "count": count} for value, count in expected]}
        for query in ({"max_price": "9"}, {"search": "lamp"}, {"tags": "a"}, {"tags": "a,b", "page": 7}):
            page = (await viewer.get(PAGED, params={"facets": "tags", **query})).json()
            assert page["facets"]["tags"] == [{"value": "a", "count": 1}, {"value": "b", "count": 1}]
        assert (await viewer.get(PAGED, params={"facets": "tags", "search": "x"})).json()["facets"] == {"tags": []}

    async def test_are_absent_unless_asked_for(self, viewer: httpx.AsyncClient) -> None:
        assert "facets" not in (await viewer.get(PAGED)).json()

    @pytest.mark.one_database
    @pytest.mark.parametrize("facets", ["", "tag", "tags,tags", "price", "Tags"])
    async def test_refuses_others(self, viewer: httpx.AsyncClient, facets: str) -> None:
        assert_invalid(await viewer.get(PAGED, params={"facets": facets}), "facets")

    async def test_shows_the_most_frequent_hundred(self, viewer: httpx.AsyncClient, create: Create) -> None:
        for number in range(0, 120, 20):
            await create(tags=[f"t{n:03}" for n in range(number, number + 20)])
        await create(tags=["t119"])
        shown = (await viewer.get(PAGED, params={"facets": "tags"})).json()["facets"]["tags"]
        assert len(shown) == 100
        assert shown[:2] == [{"value": "t119", "count": 2}, {"value": "t000", "count": 1}]

    @given(rows=shelves, filters=some_filters)
    async def test_agree_with_the_list(
        self, service: ProductService, container: PicoContainer, rows: list[dict[str, Any]], filters: ProductFilter
    ) -> None:
        await replace(container, rows)
        everything = await service.list_active(include_inactive=True)
        expected = Counter(tag for product in everything if passes(product, filters) for tag in product.tags)
        page = await service.list_paged(1, 1, filters, facets=["tags"])
        assert isinstance(page, FacetedPage)
        assert list(page.facets["tags"]) == sorted(expected.items(), key=lambda item: (-item[1], item[0]))


class TestAttributes:
    @pytest.mark.one_database
    @pytest.mark.parametrize(
        "value",
        [
            *("null", "[]", "{}", "NaN", "Infinity", "-Infinity", "1e400", "9007199254740992", "9" * 400),
            *(f'"{"x" * 501}"', r'"\u0000"', r'"\ud800"', '["x"]', '{"deep": 1}'),
        ],
        ids=lambda value: value[:12],
    )
    async def test_refuses_the_value(self, manager: httpx.AsyncClient, value: str) -> None:
        body = f'{{"name": "Lamp", "price": 1, "attributes": {{"fine": 1, "odd": {value}}}}}'
        response = await manager.post(COLLECTION, content=body, headers={"Content-Type": "application/json"})
        assert_invalid(response, "#/attributes/odd")

    @pytest.mark.one_database
    @pytest.mark.parametrize("key", ["", "A", "1a", "_a", "a-b", "a b", "ä", "a" * 41, "a\n", "a\x00"])
    async def test_refuses_the_key(self, manager: httpx.AsyncClient, key: str) -> None:
        response = await manager.post(COLLECTION, json={"name": "Lamp", "price": 1, "attributes": {key: 1}})
        assert response.status_code == 422
        assert response.json()["errors"][0]["pointer"].startswith("#/attributes")
        assert "[key]" not in response.text

    async def test_a_put_replaces_all(self, manager: httpx.AsyncClient, create: Create) -> None:
        product = await create(attributes={"color": "red", "watts": 9})
        changed = await manager.put(f"{COLLECTION}{product['id']}", json={"attributes": {"color": "blue"}})
        assert changed.json()["attributes"] == {"color": "blue"}

    async def test_tells_one_from_true(self, manager: httpx.AsyncClient, create: Create) -> None:
        product = await create(attributes={"lit": 1})
        path = f"{COLLECTION}{product['id']}"
        changed = await manager.put(path, json={"attributes": {"lit": True}})
        assert (changed.headers["etag"], changed.json()["attributes"]["lit"]) == ('"2"', True)
        assert (await manager.put(path, json={"attributes": {"lit": True}})).headers["etag"] == '"2"'
        history = (await manager.get(f"{path}/history")).json()["items"]
        assert history[-1]["after"] == {"attributes": {"lit": True}}
