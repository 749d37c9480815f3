"""Batches over HTTP: all items or none, or each for itself."""

import asyncio
import json
from collections.abc import AsyncIterator
from typing import Any

import httpx
import pytest
from fastapi import FastAPI
from hypothesis import given
from hypothesis import strategies as st
from pico_ioc import PicoContainer
from pico_sqlalchemy import SessionManager

from myapp.platform.errors import BatchRejectedError, ItemFault, MissingPermissionError
from myapp.platform.fold import fold
from myapp.platform.lists import MAX_INTEGER
from myapp.products.bulk.batch import Done
from myapp.products.bulk.schemas import BulkOrder
from myapp.products.bulk.services import BulkService
from myapp.products.services import ProductService

from ..conftest import client_of
from ..databases import gate_on_postgresql, sent_statements
from ..fixture_types import Create, StartContainer
from ..issuer import Issuer
from ..platform.web.problems import assert_invalid, assert_problem
from .conftest import COLLECTION

BULK = f"{COLLECTION}bulk"
EVERYTHING = {"include_inactive": "true"}
LAMP = {"name": "Lamp", "price": 9.5}


@pytest.fixture
async def both(app: FastAPI, issuer: Issuer) -> AsyncIterator[httpx.AsyncClient]:
    """A caller who may write and delete."""
    async with client_of(app, issuer.token(roles=["admin", "product-manager"])) as client:
        yield client


@pytest.fixture
def bulk(container: PicoContainer) -> BulkService:
    made: BulkService = container.get(BulkService)
    return made


def new(sku: str | None = None, **members: Any) -> dict[str, Any]:
    return {"op": "create", "product": LAMP | ({} if sku is None else {"sku": sku}) | members}


def change(product: dict[str, Any] | str, if_match: str | None = None, **changes: Any) -> dict[str, Any]:
    return {"op": "update", **name_of(product), **({"if_match": if_match} if if_match else {}), "changes": changes}


def removal(product: dict[str, Any] | str, if_match: str | None = None) -> dict[str, Any]:
    return {"op": "delete", **name_of(product), **({"if_match": if_match} if if_match else {})}


def name_of(product: dict[str, Any] | str) -> dict[str, Any]:
    return {"sku": product} if isinstance(product, str) else {"id": product["id"]}


async def catalogue(client: httpx.AsyncClient) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = (await client.get(COLLECTION, params=EVERYTHING)).json()
    return found


async def applied(client: httpx.AsyncClient, *items: Any, on_error: str = "reject") -> list[dict[str, Any]]:
    response = await client.post(BULK, json={"on_error": on_error, "items": items})
    assert response.status_code == 207, response.text
    results: list[dict[str, Any]] = response.json()["results"]
    assert len(results) == len(items)
    return results


def faults(problem: dict[str, Any]) -> list[tuple[str, str]]:
    return [(error["pointer"], error["code"]) for error in problem["errors"]]


async def rejected(client: httpx.AsyncClient, *items: Any) -> list[tuple[str, str]]:
    """Send a batch that is refused, check that nothing has changed, and return its faults."""
    before = await catalogue(client)
    response = await client.post(BULK, json={"items": items})
    assert await catalogue(client) == before
    return faults(assert_problem(response, 422, "batch_rejected"))


class TestAccess:
    @pytest.mark.one_database
    async def test_refuses_an_anonymous_caller_and_a_viewer(
        self, anonymous: httpx.AsyncClient, viewer: httpx.AsyncClient
    ) -> None:
        assert_problem(await anonymous.post(BULK, json={"items": [new()]}), 401, "missing_token")
        assert_problem(await viewer.post(BULK, json={"items": [new()]}), 403, "insufficient_scope")

    async def test_each_operation_needs_its_permission(
        self, manager: httpx.AsyncClient, admin: httpx.AsyncClient, create: Create
    ) -> None:
        product = await create()
        for client, items, permission in (
            (manager, [new(), removal(product)], "products:delete"),
            (admin, [removal(product), new()], "products:write"),
            (admin, [change(product, stock=1)], "products:write"),
        ):
            response = await client.post(BULK, json={"items": items})
            assert permission in assert_problem(response, 403, "insufficient_scope")["detail"]
            assert f'scope="{permission}"' in response.headers["www-authenticate"]
        assert await catalogue(manager) == [product]

    async def test_skips_what_the_caller_may_not_do(self, manager: httpx.AsyncClient, create: Create) -> None:
        product = await create()
        results = await applied(manager, removal(product), new(), change(product, stock=3), on_error="skip")
        assert [result["status"] for result in results] == [403, 201, 200]
        assert results[0]["problem"]["code"] == "insufficient_scope"
        assert faults(results[0]["problem"]) == [("#/items/0/op", "insufficient_scope")]
        assert [found["stock"] for found in await catalogue(manager)] == [3, 0]

    async def test_a_script_may_do_everything(self, bulk: BulkService, service: ProductService) -> None:
        product = await service.create(LAMP)  # type: ignore[arg-type]
        (gone,) = await bulk.apply({"items": [{"op": "delete", "id": product.id}]})  # type: ignore[arg-type]
        assert gone == Done("delete", product.id)
        with pytest.raises(MissingPermissionError):
            await bulk.apply(BulkOrder(items=[new()]), frozenset())

    async def test_everybody_may_if_authentication_is_off(self, start: StartContainer, database_url: str) -> None:
        container = start({"DATABASE__URL": database_url, "AUTH_CLIENT__ENABLED": "false"})
        async with client_of(container.get(FastAPI)) as client:
            (made,) = await applied(client, new())
            assert (await applied(client, removal(made)))[0]["status"] == 204


class TestReject:
    """The default: all items or none."""

    async def test_writes_every_kind(self, both: httpx.AsyncClient, create: Create) -> None:
        kept, gone = await create("Kept", sku="K-1", attributes={"a": 1, "b": 2}), await create("Gone")
        first = new("L-1", description="Bright", stock=7, gtin="96385074", tags=["b", "a"], attributes={"on": True})
        results = await applied(
            both, first, change("k-1", stock=3, attributes={"a": None, "c": 0.5}), removal(gone), new()
        )
        new_ids = [results[0]["id"], results[3]["id"]]
        assert results == [
            {"status": 201, "id": new_ids[0], "etag": '"1"'},
            {"status": 200, "id": kept["id"], "etag": '"2"'},
            {"status": 204, "id": gone["id"]},
            {"status": 201, "id": new_ids[1], "etag": '"1"'},
        ]
        changed, *made = await catalogue(both)
        expected = {"stock": 3, "attributes": {"b": 2, "c": 0.5}, "version": 2, "updated_at": changed["updated_at"]}
        assert changed == kept | expected
        assert [product["id"] for product in made] == new_ids == sorted(new_ids)
        assert made[0].items() >= (first["product"] | {"tags": ["a", "b"], "active": True, "version": 1}).items()
        for result in results[:2]:
            found = await both.get(f"{COLLECTION}{result['id']}")
            assert found.headers["etag"] == result["etag"]

    async def test_gives_ids_in_the_order_of_the_items(self, both: httpx.AsyncClient) -> None:
        results = await applied(both, *(new(stock=number) for number in range(50)))
        assert [product["stock"] for product in await catalogue(both)] == list(range(50))
        assert [product["id"] for product in await catalogue(both)] == [result["id"] for result in results]
        (following,) = await applied(both, new())
        assert following["id"] > results[-1]["id"]

    async def test_writes_what_single_requests_write(self, both: httpx.AsyncClient, create: Create) -> None:
        """The rows and the history of products that were written by a batch and one by one are the same."""
        product: dict[str, Any] = {"name": "É 10", "price": 0.1, "sku": "ß", "tags": ["x"], "attributes": {"f": 1e300}}
        changes: dict[str, Any] = {
            "name": "\u0130 2",
            "price": 5,
            "active": False,
            "attributes": {"f": None, "t": "\u2028"},
        }
        one, other = await create(), await create()
        made = (await both.post(COLLECTION, json=product)).json()
        single = (await both.patch(f"{COLLECTION}{one['id']}", json=changes)).json()
        await both.patch(f"{COLLECTION}{made['id']}", json={"sku": None})
        results = await applied(both, {"op": "create", "product": product}, change(other, **changes))
        for mine, yours in ((results[0]["id"], made["id"]), (other["id"], single["id"])):
            found = [(await both.get(f"{COLLECTION}{id}/history")).json()["items"] for id in (mine, yours)]
            told = [[(each["type"], each["version"], each["before"], each["after"]) for each in one] for one in found]
            assert told[0] == told[1][: len(told[0])]
        shown = {each["id"]: each for each in await catalogue(both)}
        varying = {"id", "created_at", "updated_at"}
        batch, alone = ({k: v for k, v in shown[id].items() if k not in varying} for id in (other["id"], single["id"]))
        assert batch == alone
        for words in ("e 10", "i 2"):
            page = await both.get(f"{COLLECTION}paged", params={"search": words, "sort": "name", **EVERYTHING})
            assert page.json()["total"] == 2
        assert (await both.get(f"{COLLECTION}paged", params={"tags": "x"})).json()["total"] == 2

    async def test_leaves_what_does_not_change(self, both: httpx.AsyncClient, create: Create) -> None:
        product = await create(stock=3)
        (result,) = await applied(both, change(product, stock=3))
        assert result == {"status": 200, "id": product["id"], "etag": '"1"'}
        assert await catalogue(both) == [product]

    async def test_changes_nothing_if_one_item_is_refused(
        self, both: httpx.AsyncClient, create: Create, create_inactive: Create
    ) -> None:
        product, taken = await create(sku="A"), await create_inactive(sku="B")
        found = await rejected(
            both,
            new("C"),
            new(price="9"),
            {"op": "create", "product": LAMP | {"name": "x", "color": "red"}},
            change(product, '"7"', stock=1),
            removal({"id": MAX_INTEGER}),
            change("none", stock=1),
            removal(taken),
            5,
            {"op": "upsert"},
        )
        assert found == [
            ("#/items/1/product/price", "number_type"),
            ("#/items/2/product/name", "string_too_short"),
            ("#/items/2/product/color", "extra_forbidden"),
            ("#/items/3/if_match", "precondition_failed"),
            ("#/items/4/id", "not_found"),
            ("#/items/5/sku", "not_found"),
            ("#/items/7", "model_attributes_type"),
            ("#/items/8/op", "literal_error"),
        ]
        history = (await both.get(f"{COLLECTION}{product['id']}/history")).json()
        assert history["total"] == 1

    async def test_names_every_sku_that_is_taken(
        self, both: httpx.AsyncClient, create: Create, create_inactive: Create
    ) -> None:
        await create(sku="A")
        await create_inactive(sku="B")
        product = await create()
        found = await rejected(both, new("x"), new("a"), change(product, sku="b"), new("c"))
        assert found == [("#/items/1/product/sku", "already_exists"), ("#/items/2/changes/sku", "already_exists")]

    async def test_tells_twenty_faults(self, both: httpx.AsyncClient) -> None:
        assert len(await rejected(both, *(new(price=-1) for _ in range(1000)))) == 20


class TestSkip:
    async def test_applies_the_others_in_the_order_of_the_items(self, both: httpx.AsyncClient, create: Create) -> None:
        product, other = await create(sku="A"), await create(sku="B")
        results = await applied(
            both,
            new("a"),
            new("c"),
            change(product, '"7"', stock=1),
            change(product, stock=2) | {"changes": {"price": 0}},
            change(other, '"1"', stock=5),
            removal("none"),
            None,
            on_error="skip",
        )
        assert [result["status"] for result in results] == [409, 201, 412, 422, 200, 404, 422]
        codes = [
            "already_exists",
            None,
            "precondition_failed",
            "validation_failed",
            None,
            "not_found",
            "validation_failed",
        ]
        assert [result.get("problem", {}).get("code") for result in results] == codes
        assert faults(results[3]["problem"]) == [("#/items/3/changes/price", "greater_than")]
        assert [(each["sku"], each["stock"], each["version"]) for each in await catalogue(both)] == [
            ("A", 0, 1),
            ("B", 5, 2),
            ("c", 0, 1),
        ]

    async def test_a_problem_is_that_of_a_single_request(self, both: httpx.AsyncClient, create: Create) -> None:
        await create(sku="A")
        single = assert_problem(await both.post(COLLECTION, json=LAMP | {"sku": "a"}), 409, "already_exists")
        response = await both.post(BULK, json={"on_error": "skip", "items": [new("a")]})
        (result,) = response.json()["results"]
        errors = [error | {"pointer": f"#/items/0/product{error['pointer'][1:]}"} for error in single["errors"]]
        here = {"instance": BULK, "request_id": response.headers["x-request-id"], "errors": errors}
        assert result == {"status": 409, "problem": single | here}

    async def test_all_may_be_refused(self, both: httpx.AsyncClient) -> None:
        assert [each["status"] for each in await applied(both, new(price=0), removal("x"), on_error="skip")] == [
            422,
            404,
        ]


class TestDuplicates:
    async def test_the_first_item_of_a_product_counts(self, both: httpx.AsyncClient, create: Create) -> None:
        product, other = await create(sku="A"), await create(sku="B")
        items = [
            change(product, stock=1),
            change("a", stock=2),
            removal(product),
            change("b", '"9"', stock=3),
            removal(other),
        ]
        results = await applied(both, *items, on_error="skip")
        assert [result["status"] for result in results] == [200, 409, 409, 412, 409]
        assert faults(results[1]["problem"]) == [("#/items/1/sku", "conflict")]
        assert faults(results[2]["problem"]) == [("#/items/2/id", "conflict")]
        assert [(each["sku"], each["stock"]) for each in await catalogue(both)] == [("A", 1), ("B", 0)]
        assert await rejected(both, *items[:3]) == [("#/items/1/sku", "conflict"), ("#/items/2/id", "conflict")]

    async def test_the_first_item_of_a_sku_counts(self, both: httpx.AsyncClient, create: Create) -> None:
        product = await create()
        items = [new("É"), new("e"), change(product, sku=" E "), new("f")]
        assert await rejected(both, *items) == [
            ("#/items/1/product/sku", "already_exists"),
            ("#/items/2/changes/sku", "already_exists"),
        ]
        results = await applied(both, *items, on_error="skip")
        assert [result["status"] for result in results] == [201, 409, 409, 201]

    async def test_the_sku_of_a_product_that_the_batch_deletes_is_free(
        self, both: httpx.AsyncClient, create: Create
    ) -> None:
        product = await create(sku="A")
        results = await applied(both, new("a"), removal(product))
        assert [result["status"] for result in results] == [201, 204]
        assert [(each["id"], each["sku"]) for each in await catalogue(both)] == [(results[0]["id"], "a")]

    async def test_products_may_exchange_their_skus(self, both: httpx.AsyncClient, create: Create) -> None:
        made = [await create(sku=sku) for sku in "ABC"]
        await applied(both, *(change(each, sku=sku) for each, sku in zip(made, "BCA", strict=True)))
        assert [each["sku"] for each in await catalogue(both)] == ["B", "C", "A"]
        assert [each["version"] for each in await catalogue(both)] == [2, 2, 2]

    async def test_an_item_that_is_refused_gives_up_no_sku(self, both: httpx.AsyncClient, create: Create) -> None:
        """A chain: each item needs the SKU of the next one, and the last one needs a SKU that is taken."""
        made = [await create(sku=f"S{number}") for number in range(20)]
        await create(sku="S20")
        items = [change(each, sku=f"S{number + 1}") for number, each in enumerate(made)]
        results = await applied(both, *items, new("S0"), new("free"), on_error="skip")
        assert [result["status"] for result in results] == [409] * 21 + [201]
        assert [each["sku"] for each in await catalogue(both)] == [*(f"S{number}" for number in range(21)), "free"]


@pytest.mark.one_database
class TestOrder:
    @pytest.mark.parametrize(
        ("body", "place"),
        [
            ({}, "#/items"),
            ({"items": []}, "#/items"),
            ({"items": {}}, "#/items"),
            ({"items": None}, "#/items"),
            ({"items": [new()] * 1001}, "#/items"),
            ({"items": [new()], "on_error": "ignore"}, "#/on_error"),
            ({"items": [new()], "on_error": None}, "#/on_error"),
            ({"items": [new()], "atomic": True}, "#/atomic"),
        ],
        ids=lambda value: str(value)[:30],
    )
    async def test_is_refused_as_a_whole(self, both: httpx.AsyncClient, body: Any, place: str) -> None:
        assert_invalid(await both.post(BULK, json=body), place)
        assert await catalogue(both) == []

    @pytest.mark.parametrize(
        ("item", "place"),
        [
            (5, ""),
            (None, ""),
            ([], ""),
            ("create", ""),
            ({}, "/op"),
            ({"op": None}, "/op"),
            ({"op": ["create"]}, "/op"),
            ({"op": "CREATE"}, "/op"),
            ({"op": "create"}, "/product"),
            ({"op": "create", "product": None}, "/product"),
            (new() | {"id": 5}, "/id"),
            ({"op": "update", "id": 1}, "/changes"),
            ({"op": "update", "id": 1, "changes": {"id": 2}}, "/changes/id"),
            ({"op": "update", "id": 1, "changes": {"name": None}}, "/changes/name"),
            ({"op": "update", "id": 1, "changes": {"attributes": {"a": {}}}}, "/changes/attributes/a"),
            ({"op": "update", "changes": {}}, ""),
            ({"op": "delete"}, ""),
            ({"op": "delete", "id": 1, "sku": "A"}, ""),
            ({"op": "delete", "id": None}, "/id"),
            ({"op": "delete", "id": "1"}, "/id"),
            ({"op": "delete", "id": 1.0}, "/id"),
            ({"op": "delete", "sku": ""}, "/sku"),
            ({"op": "delete", "sku": "\x00"}, "/sku"),
            ({"op": "delete", "id": 1, "if_match": 1}, "/if_match"),
            ({"op": "delete", "id": 1, "if_match": ""}, "/if_match"),
        ],
        ids=str,
    )
    async def test_an_item_is_refused(self, both: httpx.AsyncClient, item: Any, place: str) -> None:
        ((pointer, _),) = await rejected(both, item)
        assert pointer == f"#/items/0{place}"
        (result,) = await applied(both, item, on_error="skip")
        assert (result["status"], result["problem"]["code"]) == (422, "validation_failed")

    @pytest.mark.parametrize("id", [0, -1, MAX_INTEGER + 1, 10**400])
    async def test_an_id_that_cannot_exist_is_not_found(self, both: httpx.AsyncClient, id: int) -> None:
        assert await rejected(both, {"op": "delete", "id": id}) == [("#/items/0/id", "not_found")]

    @pytest.mark.parametrize("tag", ['"1"', "*", ' "7", "1"', 'W/"1"', '"1-gzip"'])
    async def test_if_match_is_that_of_the_header(self, both: httpx.AsyncClient, create: Create, tag: str) -> None:
        product = await create()
        assert (await applied(both, change(product, tag, stock=4)))[0]["etag"] == '"2"'
        assert await rejected(both, removal(product, '"1"')) == [("#/items/0/if_match", "precondition_failed")]

    async def test_too_many_attributes_in_the_end(self, both: httpx.AsyncClient, create: Create) -> None:
        product = await create(attributes={f"a{number}": 1 for number in range(50)})
        found = await rejected(both, change(product, attributes={"b": 1}))
        assert found == [("#/items/0/changes/attributes", "too_long")]


class TestSize:
    @pytest.mark.slow
    async def test_a_thousand_items_of_eight_kilobytes_are_one_request(
        self, start: StartContainer, database_url: str, issuer: Issuer
    ) -> None:
        container = start({"DATABASE__URL": database_url, "ENGINE__COMMAND_TIMEOUT": "30"})
        attributes = {f"a{number}": "x" * 480 for number in range(15)}
        async with client_of(container.get(FastAPI), issuer.token("product-manager")) as client:
            results = await applied(client, *(new(f"S{number}", attributes=attributes) for number in range(1000)))
            assert {result["status"] for result in results} == {201}
            assert (await client.get(f"{COLLECTION}paged")).json()["total"] == 1000

    @pytest.mark.one_database
    async def test_a_larger_body_is_refused(self, start: StartContainer, shared_url: str, issuer: Issuer) -> None:
        sizes = {"WEB__MAX_BODY_BYTES": "1000", "WEB__MAX_BULK_BODY_BYTES": "5000"}
        app = start({"DATABASE__URL": shared_url, **sizes}).get(FastAPI)
        async with client_of(app, issuer.token("product-manager")) as client:
            client.headers["Content-Type"] = "application/json"
            body = json.dumps({"items": [removal({"id": 0})], "on_error": "skip"}).encode()
            assert (await client.post(BULK, content=body.ljust(5000))).status_code == 207
            for content in (body.ljust(5001), chunks(body.ljust(5001))):
                problem = assert_problem(await client.post(BULK, content=content), 413, "body_too_large")
                assert "5000" in problem["detail"]
            assert_problem(await client.post(COLLECTION, content=body.ljust(1001)), 413, "body_too_large")

    async def test_any_number_of_items_takes_the_same_statements(
        self, container: PicoContainer, both: httpx.AsyncClient
    ) -> None:
        """On SQLite one statement may be executed for many rows."""
        numbers = []
        for count in (10, 300):
            made = [new(f"{count}-{number}") for number in range(2 * count)]
            results = await applied(both, *made)
            first, second = results[:count], results[count:]
            items = [new(f"n{count}-{number}") for number in range(count)]
            items += [change(each, stock=number % 7, price=3) for number, each in enumerate(first)]
            items += [removal(each) for each in second]
            with sent_statements(container.get(SessionManager).engine) as sent:
                await applied(both, *items)
            numbers.append(len(sent))
        assert numbers[0] == numbers[1] <= 12


async def chunks(content: bytes) -> AsyncIterator[bytes]:
    for start in range(0, len(content), 1000):
        yield content[start : start + 1000]


class TestConcurrency:
    async def test_batches_at_once_lose_nothing(self, both: httpx.AsyncClient, create: Create) -> None:
        """The items of the batches name the same products in different orders."""
        made = [await create(stock=0) for _ in range(12)]

        async def write(number: int) -> None:
            order = made if number % 2 else made[::-1]
            await applied(both, *(change(each, attributes={f"a{number}": number}) for each in order))

        await asyncio.gather(*(write(number) for number in range(6)))
        for product in await catalogue(both):
            assert product["attributes"] == {f"a{number}": number for number in range(6)}
            assert product["version"] == 7

    async def test_one_of_many_batches_gets_a_sku(self, both: httpx.AsyncClient) -> None:
        batches = [[new("x"), new(f"own-{number}"), new("y")] for number in range(6)]
        results = await asyncio.gather(*(applied(both, *batch, on_error="skip") for batch in batches))
        statuses = sorted(result["status"] for batch in results for result in batch)
        assert statuses == [201] * 8 + [409] * 10
        skus = sorted(product["sku"] for product in await catalogue(both))
        assert skus == sorted(["x", "y", *(f"own-{number}" for number in range(6))])


skus = st.sampled_from([None, "a", "b", "c", "A "])
changes = st.fixed_dictionaries({}, optional={"sku": skus, "stock": st.integers(0, 2), "active": st.booleans()})
places = st.integers(0, 5)
items = st.one_of(
    st.builds(lambda sku: ("create", None, {"sku": sku}), skus),
    st.builds(lambda place, changes: ("update", place, changes), places, changes),
    st.builds(lambda place: ("delete", place, {}), places),
)


@gate_on_postgresql
@given(before=st.sets(st.sampled_from(["a", "b", "c"])).map(sorted), batch=st.lists(items, min_size=1, max_size=8))
async def test_a_batch_does_what_its_results_say(
    container: PicoContainer,
    service: ProductService,
    bulk: BulkService,
    before: list[str],
    batch: list[tuple[str, int | None, dict[str, Any]]],
) -> None:
    for old in await service.list_active(include_inactive=True):
        await service.delete(old.id)
    rows = [await service.create({**LAMP, "sku": sku}) for sku in [*before, None, None]]  # type: ignore[arg-type]
    state = {row.id: {"sku": row.sku, "stock": 0, "active": True} for row in rows}
    order = []
    for kind, place, values in batch:
        named = {"id": rows[place].id if place is not None and place < len(rows) else MAX_INTEGER}
        match kind:
            case "create":
                order.append({"op": kind, "product": LAMP | values})
            case "update":
                order.append({"op": kind, **named, "changes": values})
            case "delete":
                order.append({"op": kind, **named})
    outcomes = await bulk.apply(BulkOrder(on_error="skip", items=order))
    for item, (kind, _, values), outcome in zip(order, batch, outcomes, strict=True):
        if isinstance(outcome, Done):
            assert outcome.operation == kind
            kept = {name: value.strip() if isinstance(value, str) else value for name, value in values.items()}
            if kind == "delete":
                del state[outcome.id]
            elif kind == "create":
                state[outcome.id] = {"sku": None, "stock": 0, "active": True} | kept
            else:
                assert outcome.id == item["id"]
                state[outcome.id] |= kept
        else:
            assert isinstance(outcome, ItemFault)
    found = await service.list_active(include_inactive=True)
    assert {row.id: {name: getattr(row, name) for name in ("sku", "stock", "active")} for row in found} == state
    folded = [fold(row.sku) for row in found if row.sku is not None]
    assert len(folded) == len(set(folded))
    for row in found:
        history = await service.history(row.id, 1, 100)
        assert history.content[-1].version == row.version
    if any(isinstance(outcome, ItemFault) for outcome in outcomes):
        with pytest.raises(BatchRejectedError):
            await bulk.apply(BulkOrder(items=order))
