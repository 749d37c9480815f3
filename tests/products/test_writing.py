"""The four write operations over HTTP: create, update, deactivate, delete."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

import httpx
import pytest

from ..fixture_types import Create
from ..platform.web.problems import assert_invalid, assert_problem
from .conftest import COLLECTION

LAMP = {"name": "Lamp", "price": 19.99}
EVERYTHING = {"include_inactive": "true"}


def path_of(product: dict[str, Any]) -> str:
    return f"{COLLECTION}{product['id']}"


class TestCreate:
    @pytest.mark.one_database
    async def test_refuses_an_anonymous_caller(self, anonymous: httpx.AsyncClient) -> None:
        assert_problem(await anonymous.post(COLLECTION, json=LAMP), 401, "missing_token")

    @pytest.mark.one_database
    async def test_refuses_a_viewer_and_an_admin(
        self, viewer: httpx.AsyncClient, admin: httpx.AsyncClient, manager: httpx.AsyncClient
    ) -> None:
        for client in (viewer, admin):
            problem = assert_problem(await client.post(COLLECTION, json=LAMP), 403, "insufficient_scope")
            assert "products:write" in problem["detail"]
        assert (await manager.get(COLLECTION)).json() == []

    async def test_answers_with_the_product_and_where_it_is(self, manager: httpx.AsyncClient) -> None:
        sent = {
            "name": "Lamp",
            "description": "Bright",
            "price": 19.99,
            "stock": 3,
            "sku": "LMP 1",
            "gtin": "4006381333931",
        }
        sent |= {"tags": ["new", "sale"], "attributes": {"color": "red", "watts": 9.5, "count": 2, "dimmable": True}}
        response = await manager.post(COLLECTION, json=sent)
        assert response.status_code == 201
        product = response.json()
        added = {name: product[name] for name in ("id", "created_at", "updated_at")}
        assert product == {**sent, "currency": "EUR", "active": True, "version": 1, **added}
        assert response.headers["location"] == path_of(product)
        found = await manager.get(response.headers["location"])
        assert found.json() == product
        assert found.headers["etag"] == response.headers["etag"] == '"1"'

    async def test_has_defaults(self, manager: httpx.AsyncClient) -> None:
        product = (await manager.post(COLLECTION, json=LAMP)).json()
        assert (product["description"], product["stock"], product["active"]) == (None, 0, True)

    async def test_answers_the_same_without_the_slash(self, manager: httpx.AsyncClient) -> None:
        response = await manager.post(COLLECTION.rstrip("/"), json=LAMP)
        assert response.status_code == 201
        assert response.headers["location"] == path_of(response.json())

    async def test_takes_two_products_of_one_name(self, create: Create) -> None:
        assert (await create("Lamp"))["id"] < (await create("Lamp"))["id"]

    @pytest.mark.one_database
    async def test_refuses_unknown_parameters_before_it_writes(self, manager: httpx.AsyncClient) -> None:
        assert_invalid(await manager.post(COLLECTION, params={"dry_run": "1"}, json=LAMP), "dry_run")
        assert (await manager.get(COLLECTION)).json() == []


class TestUpdate:
    @pytest.mark.one_database
    async def test_refuses_an_anonymous_caller(self, anonymous: httpx.AsyncClient, create: Create) -> None:
        assert_problem(await anonymous.put(path_of(await create()), json={"stock": 1}), 401, "missing_token")

    @pytest.mark.one_database
    async def test_refuses_a_viewer_and_an_admin(
        self, viewer: httpx.AsyncClient, admin: httpx.AsyncClient, create: Create
    ) -> None:
        product = await create()
        for client in (viewer, admin):
            response = await client.put(path_of(product), json={"stock": 1})
            assert_problem(response, 403, "insufficient_scope")
        assert (await viewer.get(path_of(product))).json() == product

    async def test_changes_what_was_sent_and_nothing_else(self, manager: httpx.AsyncClient, create: Create) -> None:
        product = await create("Lamp", description="Bright", price=19.99, stock=3)
        response = await manager.put(path_of(product), json={"price": 21.5})
        assert response.status_code == 200
        changed = response.json()
        assert changed == product | {"price": 21.5, "version": 2, "updated_at": changed["updated_at"]}
        assert changed["updated_at"] > product["updated_at"]
        assert response.headers["etag"] == '"2"'
        found = await manager.get(path_of(product))
        assert (found.json(), found.headers["etag"]) == (changed, '"2"')

    async def test_changes_everything_at_once(self, manager: httpx.AsyncClient, create: Create) -> None:
        product = await create()
        sent = {"name": "Torch", "description": "Small", "price": 5, "stock": 9, "active": False}
        changed = (await manager.put(path_of(product), json=sent)).json()
        assert changed == product | sent | {"version": 2, "updated_at": changed["updated_at"]}

    async def test_clears_the_description_by_null(self, manager: httpx.AsyncClient, create: Create) -> None:
        product = await create(description="Bright")
        changed = (await manager.put(path_of(product), json={"description": None})).json()
        assert changed["description"] is None
        assert changed["name"] == product["name"]

    async def test_leaves_version_and_times_where_nothing_changes(
        self, manager: httpx.AsyncClient, create: Create
    ) -> None:
        product = await create("Lamp", description="Bright", price=19.9, stock=3)
        same = {"name": " Lamp ", "description": "Bright", "price": 19.90, "stock": 3, "active": True}
        for sent in (same, *({name: value} for name, value in same.items())):
            response = await manager.put(path_of(product), json=sent)
            assert (response.status_code, response.json()) == (200, product)
            assert response.headers["etag"] == '"1"'

    async def test_brings_an_inactive_product_back(
        self, manager: httpx.AsyncClient, viewer: httpx.AsyncClient, create_inactive: Create
    ) -> None:
        product = await create_inactive()
        assert (await manager.put(path_of(product), json={"stock": 4})).json()["active"] is False
        response = await manager.put(path_of(product), json={"active": True})
        assert response.json()["active"] is True
        assert (await viewer.get(path_of(product))).json() == response.json()

    async def test_finds_no_product(self, manager: httpx.AsyncClient) -> None:
        assert_problem(await manager.put(COLLECTION + "2147483647", json={"stock": 1}), 404, "not_found")

    @pytest.mark.one_database
    async def test_refuses_unknown_parameters_before_it_writes(
        self, manager: httpx.AsyncClient, create: Create
    ) -> None:
        product = await create()
        response = await manager.put(path_of(product), params=EVERYTHING, json={"stock": 1})
        assert_invalid(response, "include_inactive", "unknown_parameter")
        assert (await manager.get(path_of(product))).json() == product


class TestDeactivate:
    @pytest.mark.one_database
    async def test_refuses_an_anonymous_caller(self, anonymous: httpx.AsyncClient, create: Create) -> None:
        assert_problem(await anonymous.patch(path_of(await create()) + "/deactivate"), 401, "missing_token")

    @pytest.mark.one_database
    async def test_refuses_a_viewer_and_an_admin(
        self, viewer: httpx.AsyncClient, admin: httpx.AsyncClient, create: Create
    ) -> None:
        product = await create()
        for client in (viewer, admin):
            assert_problem(await client.patch(path_of(product) + "/deactivate"), 403, "insufficient_scope")
        assert (await viewer.get(path_of(product))).json() == product

    async def test_takes_the_product_out_of_every_read(
        self, manager: httpx.AsyncClient, viewer: httpx.AsyncClient, create: Create
    ) -> None:
        product = await create("Lamp")
        response = await manager.patch(path_of(product) + "/deactivate")
        assert response.status_code == 200
        changed = response.json()
        assert changed == product | {"active": False, "version": 2, "updated_at": changed["updated_at"]}
        assert changed["updated_at"] > product["updated_at"]
        assert response.headers["etag"] == '"2"'
        assert_problem(await viewer.get(path_of(product)), 404, "not_found")
        assert (await viewer.get(COLLECTION)).json() == []
        assert (await viewer.get(COLLECTION + "paged")).json()["total"] == 0
        assert (await viewer.get(COLLECTION + "search", params={"q": "lamp"})).json() == []
        found = await manager.get(path_of(product), params=EVERYTHING)
        assert (found.json(), found.headers["etag"]) == (changed, '"2"')

    async def test_changes_nothing_the_second_time(self, manager: httpx.AsyncClient, create_inactive: Create) -> None:
        product = await create_inactive()
        response = await manager.patch(path_of(product) + "/deactivate")
        assert (response.status_code, response.json()) == (200, product)
        assert response.headers["etag"] == '"2"'

    async def test_finds_no_product(self, manager: httpx.AsyncClient) -> None:
        assert_problem(await manager.patch(COLLECTION + "2147483647/deactivate"), 404, "not_found")

    async def test_takes_no_notice_of_a_body(self, manager: httpx.AsyncClient, create: Create) -> None:
        product = await create()
        response = await manager.patch(path_of(product) + "/deactivate", content=b"{not json")
        assert (response.status_code, response.json()["active"]) == (200, False)


class TestDelete:
    @pytest.mark.one_database
    async def test_refuses_an_anonymous_caller(self, anonymous: httpx.AsyncClient, create: Create) -> None:
        assert_problem(await anonymous.delete(path_of(await create())), 401, "missing_token")

    @pytest.mark.one_database
    async def test_refuses_a_viewer_and_a_manager(
        self, viewer: httpx.AsyncClient, manager: httpx.AsyncClient, create: Create
    ) -> None:
        product = await create()
        for client in (viewer, manager):
            problem = assert_problem(await client.delete(path_of(product)), 403, "insufficient_scope")
            assert "products:delete" in problem["detail"]
        assert (await viewer.get(path_of(product))).json() == product

    async def test_removes_the_product(self, admin: httpx.AsyncClient, create: Create) -> None:
        product, other = await create(), await create()
        response = await admin.delete(path_of(product))
        assert (response.status_code, response.content) == (204, b"")
        assert_problem(await admin.get(path_of(product), params=EVERYTHING), 404, "not_found")
        assert (await admin.get(COLLECTION, params=EVERYTHING)).json() == [other]
        assert_problem(await admin.delete(path_of(product)), 404, "not_found")

    async def test_removes_an_inactive_product(self, admin: httpx.AsyncClient, create_inactive: Create) -> None:
        assert (await admin.delete(path_of(await create_inactive()))).status_code == 204
        assert (await admin.get(COLLECTION, params=EVERYTHING)).json() == []

    async def test_never_gives_its_id_to_another(self, admin: httpx.AsyncClient, create: Create) -> None:
        product = await create()
        await admin.delete(path_of(product))
        assert (await create())["id"] > product["id"]

    @pytest.mark.one_database
    async def test_refuses_unknown_parameters_before_it_writes(self, admin: httpx.AsyncClient, create: Create) -> None:
        product = await create()
        assert_invalid(await admin.delete(path_of(product), params={"dry_run": "1"}), "dry_run", "unknown_parameter")
        assert (await admin.get(path_of(product))).json() == product


class TestIds:
    """An impossible id gives 404 for each operation, and no internal error."""

    @pytest.fixture(params=["get", "update", "deactivate", "delete"])
    def send(
        self, request: pytest.FixtureRequest, manager: httpx.AsyncClient, admin: httpx.AsyncClient
    ) -> Callable[[str], Awaitable[httpx.Response]]:
        operations: dict[str, Callable[[str], Awaitable[httpx.Response]]] = {
            "get": lambda id: manager.get(COLLECTION + id),
            "update": lambda id: manager.put(COLLECTION + id, json={"stock": 1}),
            "deactivate": lambda id: manager.patch(f"{COLLECTION}{id}/deactivate"),
            "delete": lambda id: admin.delete(COLLECTION + id),
        }
        return operations[request.param]

    @pytest.mark.parametrize("id", ["0", "0000000000", "2147483647", "2147483648", "4294967297", "9999999999"])
    async def test_finds_nothing_at_a_number(self, send: Any, create: Create, id: str) -> None:
        await create()
        assert_problem(await send(id), 404, "not_found")

    @pytest.mark.one_database
    @pytest.mark.parametrize(
        "id",
        [
            "-1",
            "+1",
            "1.0",
            "1e0",
            "0x1",
            "%201",
            "1%20",
            "1%0A",
            "%EF%BC%91",
            "%D9%A1",
            "%00",
            "%FF",
            "abc",
            "true",
            "99999999999",
            "9" * 5000,
            "00000000-0000-0000-0000-000000000001",
            "%2e",
            "1;x=1",
            "1%2F",
        ],
    )
    async def test_knows_no_other_form(self, send: Any, create: Create, id: str) -> None:
        await create()
        assert_problem(await send(id), 404, "route_not_found")

    @pytest.mark.one_database
    async def test_has_no_form_with_a_slash(self, manager: httpx.AsyncClient, create: Create) -> None:
        product = await create()
        assert_problem(await manager.get(path_of(product) + "/"), 404, "route_not_found")
        assert_problem(await manager.patch(path_of(product) + "/deactivate/"), 404, "route_not_found")


class TestConcurrency:
    async def test_creates_from_32_callers_at_once(self, manager: httpx.AsyncClient) -> None:
        requests = (manager.post(COLLECTION, json={"name": f"Lamp {n}", "price": n + 1}) for n in range(32))
        responses = await asyncio.gather(*requests)
        assert {response.status_code for response in responses} == {201}
        kept = (await manager.get(COLLECTION)).json()
        assert sorted(kept, key=lambda product: product["id"]) == kept
        assert {product["name"] for product in kept} == {f"Lamp {n}" for n in range(32)}

    async def test_updates_of_one_row_are_one_after_another(self, manager: httpx.AsyncClient, create: Create) -> None:
        product = await create(stock=0)
        requests = (manager.put(path_of(product), json={"stock": n + 1}) for n in range(20))
        responses = await asyncio.gather(*requests)
        assert {response.status_code for response in responses} == {200}
        versions = sorted(int(response.headers["etag"].strip('"')) for response in responses)
        assert versions == list(range(2, 22)), "each update should make one version"
        last = max(responses, key=lambda response: int(response.headers["etag"].strip('"')))
        assert (await manager.get(path_of(product))).json() == last.json()

    async def test_updates_of_different_fields_lose_nothing(self, manager: httpx.AsyncClient, create: Create) -> None:
        product = await create()
        sent: list[dict[str, Any]] = [{"name": "Torch"}, {"description": "Small"}, {"price": 5}, {"stock": 9}]
        for response in await asyncio.gather(*(manager.put(path_of(product), json=change) for change in sent)):
            assert response.status_code == 200
        found = await manager.get(path_of(product))
        assert found.headers["etag"] == '"5"'
        assert found.json().items() >= {"name": "Torch", "description": "Small", "price": 5.0, "stock": 9}.items()

    async def test_conditional_updates_let_one_caller_win(self, manager: httpx.AsyncClient, create: Create) -> None:
        product = await create(stock=0)
        requests = (
            manager.put(path_of(product), json={"stock": n + 1}, headers={"If-Match": '"1"'}) for n in range(20)
        )
        responses = await asyncio.gather(*requests)
        assert sorted(response.status_code for response in responses) == [200] + [412] * 19
        winner = next(response for response in responses if response.status_code == 200)
        assert (await manager.get(path_of(product))).json() == winner.json()

    async def test_one_of_many_deletes_removes_the_product(self, admin: httpx.AsyncClient, create: Create) -> None:
        product = await create()
        responses = await asyncio.gather(*(admin.delete(path_of(product)) for _ in range(8)))
        assert sorted(response.status_code for response in responses) == [204] + [404] * 7

    async def test_updates_and_a_delete_never_bring_the_product_back(
        self, manager: httpx.AsyncClient, admin: httpx.AsyncClient, create: Create
    ) -> None:
        product = await create()
        updates = [manager.put(path_of(product), json={"stock": n + 1}) for n in range(6)]
        responses = await asyncio.gather(*updates[:3], admin.delete(path_of(product)), *updates[3:])
        assert {response.status_code for response in responses} <= {200, 204, 404}
        assert (await admin.get(COLLECTION, params=EVERYTHING)).json() == []
