"""GET /api/v1/products/{id}/history: who changed a product, when, and the old and new values."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import AsyncExitStack
from typing import Any

import httpx
import pytest
from fastapi import FastAPI
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from myapp.platform.database.columns import recorded_fields
from myapp.platform.lists import MAX_INTEGER
from myapp.products.models import Product
from myapp.products.services import ProductService
from tests.conftest import client_of
from tests.issuer import Issuer

from ..fixture_types import Create, Fill
from ..platform.web.problems import assert_invalid, assert_problem
from .conftest import COLLECTION

FIELDS = recorded_fields(Product)
EVERYTHING = {"include_inactive": "true"}


def history_of(id: int) -> str:
    return f"{COLLECTION}{id}/history"


async def whole_history(client: httpx.AsyncClient, id: int) -> list[dict[str, Any]]:
    changes: list[dict[str, Any]] = []
    url: str | None = f"{history_of(id)}?page_size=50"
    while url:
        response = await client.get(url)
        assert response.status_code == 200, response.text
        changes += response.json()["items"]
        url = response.links.get("next", {}).get("url")
    return changes


def replay(history: Sequence[dict[str, Any]]) -> dict[str, Any]:
    """Return the fields after all changes. Fail if a change does not begin with the values of the one before it."""
    state: dict[str, Any] = {}
    for change in history:
        before, after = change["before"], change["after"]
        assert {name: state[name] for name in before} == before, change
        assert not before or not after or before.keys() == after.keys(), change
        state = state | after if after else {}
    versions = [change["version"] for change in history]
    assert sorted(set(versions)) == list(range(1, versions[-1] + 1))
    assert versions == sorted(versions)
    return state


def fields(product: dict[str, Any]) -> dict[str, Any]:
    return {name: product[name] for name in FIELDS}


@pytest.fixture
async def writers(app: FastAPI, issuer: Issuer) -> AsyncIterator[list[httpx.AsyncClient]]:
    async with AsyncExitStack() as stack:
        yield [
            await stack.enter_async_context(client_of(app, issuer.token("product-manager", sub=f"writer-{number}")))
            for number in range(20)
        ]


@pytest.mark.one_database
class TestAccess:
    async def test_refuses_an_anonymous_caller(self, anonymous: httpx.AsyncClient) -> None:
        assert_problem(await anonymous.get(history_of(1)), 401, "missing_token")

    async def test_refuses_a_viewer(self, viewer: httpx.AsyncClient, create: Create) -> None:
        product = await create()
        for id in (product["id"], MAX_INTEGER):
            problem = assert_problem(await viewer.get(history_of(id)), 403, "insufficient_scope")
            assert "events:read" in problem["detail"]


class TestHistory:
    async def test_tells_who_changed_what(
        self, manager: httpx.AsyncClient, admin: httpx.AsyncClient, create: Create
    ) -> None:
        product = await create(description="Bright", stock=3)
        path = f"{COLLECTION}{product['id']}"
        await manager.put(path, json={"price": 20, "stock": 3, "active": False}, headers={"X-Request-ID": "r-2"})
        await admin.delete(path)
        response = await admin.get(history_of(product["id"]))
        page = response.json()
        items = page.pop("items")
        assert page == {"total": 4, "page": 1, "page_size": 10, "pages": 1}
        assert [(item["type"], item["version"], item["actor"]) for item in items] == [
            ("product.created", 1, "product-manager-1"),
            ("product.updated", 2, "product-manager-1"),
            ("product.deactivated", 2, "product-manager-1"),
            ("product.deleted", 3, "admin-1"),
        ]
        assert (items[0]["before"], items[0]["after"]) == ({}, fields(product))
        assert (items[1]["before"], items[1]["after"]) == ({"price": 19.99}, {"price": 20.0})
        assert (items[2]["before"], items[2]["after"]) == ({"active": True}, {"active": False})
        assert (items[3]["before"], items[3]["after"]) == (fields(product) | {"price": 20.0, "active": False}, {})
        assert items[1]["request_id"] == items[2]["request_id"] == "r-2"
        assert product["created_at"] <= items[0]["occurred_at"] < items[1]["occurred_at"] < items[3]["occurred_at"]
        assert [item["id"] for item in items] == sorted({item["id"] for item in items})
        assert items[0].keys() == {"id", "type", "version", "actor", "request_id", "occurred_at", "before", "after"}

    async def test_tells_an_emptied_description_from_one_that_stayed(
        self, manager: httpx.AsyncClient, create: Create
    ) -> None:
        product = await create(description="Bright")
        await manager.put(f"{COLLECTION}{product['id']}", json={"description": None})
        await manager.put(f"{COLLECTION}{product['id']}", json={"stock": 1})
        *_, emptied, other = await whole_history(manager, product["id"])
        assert (emptied["before"], emptied["after"]) == ({"description": "Bright"}, {"description": None})
        assert (other["before"], other["after"]) == ({"stock": 0}, {"stock": 1})

    async def test_is_of_changes_only(self, manager: httpx.AsyncClient, create: Create) -> None:
        """A low-stock event is not a change."""
        product = await create(stock=6)
        await manager.put(f"{COLLECTION}{product['id']}", json={"stock": 5})
        types = [change["type"] for change in await whole_history(manager, product["id"])]
        assert types == ["product.created", "product.updated"]

    async def test_is_of_one_product(self, manager: httpx.AsyncClient, service: ProductService) -> None:
        products = [await service.create({"name": "Lamp", "price": 1}) for _ in range(12)]
        ids = {(await manager.get(history_of(product.id))).json()["items"][0]["id"] for product in products}
        assert len(ids) == 12

    async def test_of_an_inactive_product_is_there(self, manager: httpx.AsyncClient, create_inactive: Create) -> None:
        product = await create_inactive()
        assert [change["version"] for change in await whole_history(manager, product["id"])] == [1, 2]

    async def test_comes_in_pages(self, manager: httpx.AsyncClient, create: Create) -> None:
        product = await create()
        for stock in range(1, 5):
            await manager.put(f"{COLLECTION}{product['id']}", json={"stock": stock})
        response = await manager.get(history_of(product["id"]), params={"page": 2, "page_size": 2})
        assert [item["version"] for item in response.json()["items"]] == [3, 4]
        assert (response.json()["total"], response.json()["pages"]) == (5, 3)
        assert set(response.links) == {"first", "prev", "next", "last"}
        beyond = await manager.get(history_of(product["id"]), params={"page": 9, "page_size": 2})
        assert (beyond.status_code, beyond.json()["items"], beyond.json()["total"]) == (200, [], 5)

    async def test_of_a_product_that_came_past_the_service_is_empty(
        self, manager: httpx.AsyncClient, fill: Fill
    ) -> None:
        await fill(1)
        (product,) = (await manager.get(COLLECTION)).json()
        assert await whole_history(manager, product["id"]) == []

    @pytest.mark.parametrize("id", ["0", "-1", "2147483647", "9999999999", "9" * 5000, "abc", "1.0", "%00"])
    async def test_of_what_never_was_is_not_found(self, manager: httpx.AsyncClient, create: Create, id: str) -> None:
        await create()
        response = await manager.get(f"{COLLECTION}{id}/history")
        assert response.status_code == 404
        assert response.json()["code"] in ("not_found", "route_not_found")

    @pytest.mark.one_database
    async def test_knows_its_parameters(self, manager: httpx.AsyncClient, create: Create) -> None:
        path = history_of((await create())["id"])
        for name, value in (
            ("page", "0"),
            ("page", "1000001"),
            ("page_size", "101"),
            ("page_size", "x"),
            ("sort", "id"),
        ):
            assert_invalid(await manager.get(path, params={name: value}), name)


class TestChain:
    async def test_is_unbroken_after_twenty_writers_at_once(
        self, manager: httpx.AsyncClient, writers: list[httpx.AsyncClient], create: Create
    ) -> None:
        product = await create(stock=50)
        path = f"{COLLECTION}{product['id']}"

        async def write(number: int) -> None:
            for turn in range(2):
                change = [
                    {"name": f"Lamp {number}.{turn}"},
                    {"price": number + turn / 10 + 1},
                    {"stock": 100 - number - turn},
                    {"description": f"By {number}, {turn}"},
                    {"active": turn == 1},
                ][number % 5]
                response = await writers[number].put(path, json=change)
                while response.status_code == 503:  # on a slow machine they wait too long for the same row
                    response = await writers[number].put(path, json=change)
                assert response.status_code == 200, response.text

        await asyncio.gather(*map(write, range(20)))
        history = await whole_history(manager, product["id"])
        found = await manager.get(path, params=EVERYTHING)
        assert replay(history) == fields(found.json())
        assert found.headers["etag"] == f'"{history[-1]["version"]}"'
        effective = {f"writer-{number}" for number in range(20) if number % 5 != 4}
        assert effective <= {change["actor"] for change in history}

    @settings(suppress_health_check=list(HealthCheck))
    @given(
        updates=st.lists(
            st.fixed_dictionaries(
                {},
                optional={
                    "name": st.sampled_from(["Lamp", "Torch", "Łampa", "Lamp "]),
                    "description": st.sampled_from([None, "", "Bright"]),
                    "price": st.sampled_from([0.01, 19.99, 20, 9_999_999_999.99]),
                    "stock": st.integers(0, 8),
                    "active": st.booleans(),
                    "sku": st.sampled_from([None, "LMP-1", "lmp-1"]),
                    "gtin": st.sampled_from([None, "96385074"]),
                    "tags": st.lists(st.sampled_from(["new", "sale"]), max_size=3),
                    "attributes": st.dictionaries(
                        st.sampled_from("ab"), st.sampled_from([0, 1, 1.0, True, False, "1"])
                    ),
                },
            ).filter(bool),
            max_size=6,
        )
    )
    async def test_leads_to_what_the_product_is(
        self, manager: httpx.AsyncClient, admin: httpx.AsyncClient, create: Create, updates: list[dict[str, Any]]
    ) -> None:
        product = await create()
        for update in updates:
            product = (await manager.put(f"{COLLECTION}{product['id']}", json=update)).json()
        assert replay(await whole_history(manager, product["id"])) == fields(product)
        await admin.delete(f"{COLLECTION}{product['id']}")
        assert replay(await whole_history(manager, product["id"])) == {}
