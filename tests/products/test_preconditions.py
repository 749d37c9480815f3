"""Conditional requests (RFC 9110 §13): If-None-Match on a read, If-Match on the three writes of one product."""

from collections.abc import Awaitable, Callable
from typing import Any

import httpx
import pytest

from ..fixture_types import Create
from ..platform.web.problems import assert_problem
from .conftest import COLLECTION

Send = Callable[[dict[str, Any], list[tuple[str, str]]], Awaitable[httpx.Response]]

MATCHING = [
    ['"2"'],
    ["*"],
    [" * "],
    ['"1", "2"'],
    ['"1","2" , "3"'],
    ['"1"', '"2"'],
    ['"a,b", "2"'],
    [',, "2",'],
    ['nonsense, "2"'],
    ['W/"1", "2"'],
    ['W/"2"'],
    ['W/"1", W/"2"'],
    ['"1"', 'W/"2"'],
    ['"2-gzip"'],
    ['W/"2-gzip"'],
    ['"2--gzip"'],
    ['"2;gzip"'],
    ['"2-br"'],
    ['"2--br"'],
    ['"2;br"'],
    ['"2-zstd"'],
    ['"2-deflate"'],
    ['"2-df"'],
    ['"2-x-gzip"'],
    ['"2-gzip-gzip"'],
    ['"1-gzip", "2-gzip"'],
    ['"1-gzip","2;br"'],
    ['"1-gzip"', 'W/"2-zstd"'],
]
FAILING = [
    ['"1"'],
    ['"3"'],
    ['"1", "3"'],
    ['W/"1"'],
    ['w/"2"'],
    ['W"2"'],
    ['W/ "2"'],
    ['W/W/"2"'],
    ['"1-gzip"'],
    ['"3-gzip", W/"1"'],
    ['"2-"'],
    ['"2gzip"'],
    ['"2---gzip"'],
    ['"2-GZIP"'],
    ['"2-gzip "'],
    ['"2 -gzip"'],
    ['"2-gzip-"'],
    ['"2-lamp"'],
    ['"2-1"'],
    ['"-gzip"'],
    ['"gzip"'],
    ['"2-gz\u0131p"'],
    ['x"2"'],
    ['"2"x'],
    ['"1" "2"'],
    ["2"],
    ['"2'],
    ["'2'"],
    ['"02"'],
    ['"+2"'],
    ['"2.0"'],
    ['" 2"'],
    ['"\u0662"'],
    ['"' + "9" * 5000 + '"'],
    ['"-1"'],
    ['""'],
    [""],
    [","],
    ["nonsense"],
    ['"*"'],
]


class TestIfNoneMatch:
    async def test_answers_that_nothing_changed(
        self, viewer: httpx.AsyncClient, manager: httpx.AsyncClient, create: Create
    ) -> None:
        path = f"{COLLECTION}{(await create())['id']}"
        await manager.put(path, json={"stock": 1})
        for values in MATCHING:
            response = await viewer.get(path, headers=[("If-None-Match", value) for value in values])
            assert (response.status_code, response.content) == (304, b""), values
            assert response.headers["etag"] == '"2"'
            assert "content-type" not in response.headers

    async def test_answers_with_what_changed(
        self, viewer: httpx.AsyncClient, manager: httpx.AsyncClient, create: Create
    ) -> None:
        path = f"{COLLECTION}{(await create())['id']}"
        product = (await manager.put(path, json={"stock": 1})).json()
        for values in FAILING:
            headers = [(b"If-None-Match", value.encode()) for value in values]
            response = await viewer.get(path, headers=headers)
            assert (response.status_code, response.json()) == (200, product), values
            assert response.headers["etag"] == '"2"'

    async def test_finds_no_product_for_any_tag(self, viewer: httpx.AsyncClient) -> None:
        response = await viewer.get(COLLECTION + "2147483647", headers={"If-None-Match": "*"})
        assert_problem(response, 404, "not_found")

    async def test_has_no_say_in_a_write(self, manager: httpx.AsyncClient, create: Create) -> None:
        path = f"{COLLECTION}{(await create())['id']}"
        response = await manager.put(path, json={"stock": 1}, headers={"If-None-Match": '"1"'})
        assert response.status_code == 200


class TestIfMatch:
    @pytest.fixture(params=["update", "deactivate", "delete"])
    def send(self, request: pytest.FixtureRequest, manager: httpx.AsyncClient, admin: httpx.AsyncClient) -> Send:
        async def send_one(product: dict[str, Any], headers: list[tuple[str, str]]) -> httpx.Response:
            path = f"{COLLECTION}{product['id']}"
            encoded = [(name.encode(), value.encode()) for name, value in headers]
            match request.param:
                case "update":
                    return await manager.put(path, json={"stock": 99}, headers=encoded)
                case "deactivate":
                    return await manager.patch(path + "/deactivate", headers=encoded)
                case _:
                    return await admin.delete(path, headers=encoded)

        return send_one

    @pytest.fixture
    async def product(self, manager: httpx.AsyncClient, create: Create) -> dict[str, Any]:
        """Create a product in version 2."""
        path = f"{COLLECTION}{(await create())['id']}"
        changed: dict[str, Any] = (await manager.put(path, json={"stock": 1})).json()
        return changed

    @pytest.mark.parametrize("values", [*MATCHING[:4], ['W/"2"'], ['"2-gzip"']])
    async def test_writes_in_an_expected_version(self, send: Send, product: dict[str, Any], values: list[str]) -> None:
        response = await send(product, [("If-Match", value) for value in values])
        assert response.status_code in (200, 204), response.text

    @pytest.mark.parametrize("values", [*FAILING[:4], ['"1-gzip"']])
    async def test_writes_nothing_in_another(
        self, send: Send, manager: httpx.AsyncClient, product: dict[str, Any], values: list[str]
    ) -> None:
        problem = assert_problem(
            await send(product, [("If-Match", value) for value in values]), 412, "precondition_failed"
        )
        assert "version 2" in problem["detail"]
        found = await manager.get(f"{COLLECTION}{product['id']}")
        assert (found.json(), found.headers["etag"]) == (product, '"2"')

    async def test_means_the_same_however_it_is_written(
        self, manager: httpx.AsyncClient, product: dict[str, Any]
    ) -> None:
        path = f"{COLLECTION}{product['id']}"
        same = {"stock": product["stock"]}
        for values in MATCHING:
            response = await manager.put(path, json=same, headers=[("If-Match", value) for value in values])
            assert response.status_code == 200, values
        for values in FAILING:
            headers = [(b"If-Match", value.encode()) for value in values]
            assert_problem(await manager.put(path, json=same, headers=headers), 412, "precondition_failed")

    async def test_finds_no_product_for_any_tag(self, send: Send) -> None:
        for value in ("*", '"1"'):
            assert_problem(await send({"id": 2147483647}, [("If-Match", value)]), 404, "not_found")

    async def test_is_looked_at_before_whether_anything_changes(
        self, manager: httpx.AsyncClient, product: dict[str, Any]
    ) -> None:
        path = f"{COLLECTION}{product['id']}"
        response = await manager.put(path, json={"stock": product["stock"]}, headers={"If-Match": '"1"'})
        assert_problem(response, 412, "precondition_failed")

    async def test_is_looked_at_after_the_body(self, manager: httpx.AsyncClient, product: dict[str, Any]) -> None:
        path = f"{COLLECTION}{product['id']}"
        response = await manager.put(path, json={"stock": -1}, headers={"If-Match": '"1"'})
        assert_problem(response, 422, "validation_failed")

    async def test_carries_a_caller_from_write_to_write(
        self, manager: httpx.AsyncClient, admin: httpx.AsyncClient, product: dict[str, Any]
    ) -> None:
        path = f"{COLLECTION}{product['id']}"
        tag = (await manager.get(path)).headers["etag"]
        tag = (await manager.put(path, json={"stock": 5}, headers={"If-Match": tag})).headers["etag"]
        tag = (await manager.patch(path + "/deactivate", headers={"If-Match": tag})).headers["etag"]
        assert (await admin.delete(path, headers={"If-Match": tag})).status_code == 204
