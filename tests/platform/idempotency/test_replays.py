"""A request that is sent again with its key changes nothing and gets the first answer."""

import uuid
from typing import Any

import httpx
import pytest
from fastapi import FastAPI

from tests.conftest import client_of
from tests.databases import Databases
from tests.fixture_types import Create, StartContainer
from tests.issuer import Issuer
from tests.platform.web.problems import assert_problem
from tests.platform.web.test_dispatch import SOLVED_BY_FASTAPI

from .conftest import KEY, LAMP, PROBE, PRODUCTS, is_replay, products
from .probe import Gate

Key = dict[str, str]


def assert_replayed(first: httpx.Response, second: httpx.Response) -> None:
    assert is_replay(second)
    assert not is_replay(first)
    assert (second.status_code, second.content) == (first.status_code, first.content)
    for name in ("etag", "location", "content-type", "content-length", "cache-control", "vary"):
        assert second.headers.get(name) == first.headers.get(name), name
    assert second.headers["x-request-id"] != first.headers["x-request-id"]


class TestOperations:
    """Each kind of write. The second request would fail, or change something, if it were made."""

    async def test_create(self, manager: httpx.AsyncClient, key: Key) -> None:
        first, second = [await manager.post(PRODUCTS, json=LAMP, headers=key) for _ in range(2)]
        assert (first.status_code, first.headers["etag"]) == (201, '"1"')
        assert_replayed(first, second)
        assert [product["id"] for product in await products(manager)] == [first.json()["id"]]
        assert len((await manager.get(f"{PRODUCTS}{first.json()['id']}/history")).json()["items"]) == 1

    async def test_update_of_a_version(self, manager: httpx.AsyncClient, create: Create, key: Key) -> None:
        path = f"{PRODUCTS}{(await create())['id']}"
        headers = key | {"If-Match": '"1"'}
        first, second = [await manager.put(path, json={"stock": 7}, headers=headers) for _ in range(2)]
        assert (first.status_code, first.headers["etag"]) == (200, '"2"')
        assert_replayed(first, second)

    async def test_an_update_is_not_made_again_over_a_later_one(
        self, manager: httpx.AsyncClient, create: Create, key: Key
    ) -> None:
        path = f"{PRODUCTS}{(await create())['id']}"
        first = await manager.put(path, json={"stock": 7}, headers=key)
        assert (await manager.put(path, json={"stock": 8})).headers["etag"] == '"3"'
        assert_replayed(first, await manager.put(path, json={"stock": 7}, headers=key))
        assert (await manager.get(path)).json()["stock"] == 8

    async def test_action_without_a_body(self, manager: httpx.AsyncClient, create: Create, key: Key) -> None:
        path = f"{PRODUCTS}{(await create())['id']}"
        first = await manager.patch(f"{path}/deactivate", headers=key)
        assert (await manager.put(path, json={"active": True})).status_code == 200
        assert_replayed(first, await manager.patch(f"{path}/deactivate", headers=key))
        assert (await manager.get(path)).json()["active"]

    async def test_delete(self, admin: httpx.AsyncClient, create: Create, key: Key) -> None:
        path = f"{PRODUCTS}{(await create())['id']}"
        first, second = [await admin.delete(path, headers=key) for _ in range(2)]
        assert (first.status_code, first.content) == (204, b"")
        assert_replayed(first, second)
        assert_problem(await admin.delete(path), 404, "not_found")

    async def test_own_profile(self, viewer: httpx.AsyncClient, key: Key) -> None:
        first, second = [await viewer.patch("/api/v1/me", json={"name": "Ann"}, headers=key) for _ in range(2)]
        assert first.json()["name"] == "Ann"
        assert_replayed(first, second)

    async def test_report(self, manager: httpx.AsyncClient, key: Key) -> None:
        order = {"kind": "inventory", "format": "csv"}
        first, second = [await manager.post("/api/v1/reports/", json=order, headers=key) for _ in range(2)]
        assert first.status_code == 202
        assert_replayed(first, second)
        assert (await manager.get("/api/v1/reports/")).json()["total"] == 1
        assert (await manager.get(first.headers["location"])).json()["state"] == "done"

    async def test_background_work_is_done_once(self, manager: httpx.AsyncClient, gate: Gate, key: Key) -> None:
        first, second = [await manager.post("/probe/background", json=LAMP, headers=key) for _ in range(2)]
        assert_replayed(first, second)
        assert gate.background == [product["id"] for product in await products(manager)]

    async def test_routes_that_fastapi_calls(
        self, start: StartContainer, database_kind: str, databases: Databases, issuer: Issuer, key: Key
    ) -> None:
        url = databases.migrated(database_kind)
        app = start({"DATABASE__URL": url, **SOLVED_BY_FASTAPI}, modules=[PROBE]).get(FastAPI)
        async with client_of(app, issuer.token(roles=["admin", "product-manager"])) as client:
            first, second = [await client.post(PRODUCTS, json=LAMP, headers=key) for _ in range(2)]
            assert_replayed(first, second)
            assert_problem(
                await client.post(PRODUCTS, json=LAMP | {"stock": 2}, headers=key), 422, "idempotency_key_reused"
            )
            path = first.headers["location"]
            first, second = [await client.delete(path, headers={KEY: "other"}) for _ in range(2)]
            assert_replayed(first, second)

    async def test_without_a_key_each_request_is_made(self, manager: httpx.AsyncClient) -> None:
        for _ in range(2):
            assert not is_replay(await manager.post(PRODUCTS, json=LAMP))
        assert len(await products(manager)) == 2

    async def test_reads_ignore_the_key(self, manager: httpx.AsyncClient, key: Key) -> None:
        assert (await manager.get(PRODUCTS, headers=key)).json() == []
        await manager.post(PRODUCTS, json=LAMP, headers=key)
        assert len((await manager.get(PRODUCTS, headers=key)).json()) == 1


class TestAnotherRequest:
    """A key belongs to one request."""

    @pytest.mark.parametrize(
        ("method", "path", "options"),
        [
            ("PUT", "{0}", {"json": {"stock": 8}}),
            ("PUT", "{0}", {"json": {"stock": 7, "description": None}}),
            ("PUT", "{0}", {"content": b'{"stock": 7} ', "headers": {"If-Match": "*"}}),
            ("PUT", "{1}", {"json": {"stock": 7}}),
            ("PATCH", "{0}/deactivate", {}),
            ("DELETE", "{0}", {}),
            ("POST", "", {"json": LAMP}),
        ],
    )
    async def test_is_refused(
        self, writer: httpx.AsyncClient, create: Create, key: Key, method: str, path: str, options: dict[str, Any]
    ) -> None:
        ids = [(await create())["id"] for _ in range(2)]
        assert (await writer.put(f"{PRODUCTS}{ids[0]}", json={"stock": 7}, headers=key)).status_code == 200
        before = await products(writer)
        headers = {"Content-Type": "application/json", **options.get("headers", {}), **key}
        sent = options | {"headers": headers}
        response = await writer.request(method, PRODUCTS + path.format(*ids), **sent)
        assert_problem(response, 422, "idempotency_key_reused")
        assert await products(writer) == before

    async def test_the_form_of_the_json_does_not_matter(self, manager: httpx.AsyncClient, key: Key) -> None:
        bodies = [
            b'{"name": "Lamp", "price": 9.50}',
            b'{"price":9.5,"name":"L\\u0061mp"}',
            b' {"name": "Chair", "price": 9.5, "name":\n"Lamp"}',
        ]
        headers = key | {"Content-Type": "application/json"}
        answers = [await manager.post(PRODUCTS, content=body, headers=headers) for body in bodies]
        assert [is_replay(answer) for answer in answers] == [False, True, True]
        assert len({answer.content for answer in answers}) == 1

    async def test_the_slash_at_the_end_does_not_matter(self, manager: httpx.AsyncClient, key: Key) -> None:
        first = await manager.post(PRODUCTS, json=LAMP, headers=key)
        assert_replayed(first, await manager.post(PRODUCTS.rstrip("/"), json=LAMP, headers=key))

    @pytest.mark.parametrize(
        "body", [b"\xff\xfe", b"{", b"[" * 100_000, b"9" * 5000, b"", b"NaN", b'"\\ud800"', b"a" * 1000]
    )
    @pytest.mark.parametrize("media_type", ["application/json", "text/csv"])
    async def test_bodies_of_any_kind(
        self, manager: httpx.AsyncClient, gate: Gate, key: Key, body: bytes, media_type: str
    ) -> None:
        headers = key | {"Content-Type": media_type}
        first, second = [await manager.post("/probe/bytes", content=body, headers=headers) for _ in range(2)]
        assert first.status_code == 204
        assert_replayed(first, second)
        other = await manager.post("/probe/bytes", content=body + b"x", headers=headers)
        assert_problem(other, 422, "idempotency_key_reused")
        assert gate.calls == 1

    async def test_blanks_matter_where_there_is_no_json(self, manager: httpx.AsyncClient, gate: Gate, key: Key) -> None:
        headers = key | {"Content-Type": "text/csv"}
        assert (await manager.post("/probe/bytes", content=b"1", headers=headers)).status_code == 204
        other = await manager.post("/probe/bytes", content=b"1 ", headers=headers)
        assert_problem(other, 422, "idempotency_key_reused")


class TestCallers:
    async def test_have_keys_of_their_own(self, app: FastAPI, issuer: Issuer, key: Key) -> None:
        ids = []
        for subject in ("ann", "bob", "ann\x00", "an"):
            async with client_of(app, issuer.token("product-manager", sub=subject)) as client:
                first, second = [await client.post(PRODUCTS, json=LAMP, headers=key) for _ in range(2)]
                if first.status_code != 401:
                    assert_replayed(first, second)
                    ids.append(first.json()["id"])
        assert len(set(ids)) == len(ids) >= 3

    async def test_of_two_issuers_are_two_callers(
        self, start: StartContainer, database_kind: str, databases: Databases, issuer: Issuer, key: Key
    ) -> None:
        other = "https://other.example.com"
        url = databases.migrated(database_kind)
        app = start({"DATABASE__URL": url, "AUTH__FURTHER_ISSUERS": f'["{other}"]'}).get(FastAPI)
        for iss in (issuer.url, other):
            async with client_of(app, issuer.token("product-manager", sub="ann", iss=iss)) as client:
                assert not is_replay(await client.post(PRODUCTS, json=LAMP, headers=key))

    async def test_keep_their_keys_with_a_new_token(self, app: FastAPI, issuer: Issuer, key: Key) -> None:
        answers = []
        for role in ("product-manager", ["product-manager", "admin"]):
            async with client_of(app, issuer.token(roles=role, sub="ann")) as client:
                answers.append(await client.post(PRODUCTS, json=LAMP, headers=key))
        assert_replayed(*answers)

    async def test_are_checked_again(self, app: FastAPI, issuer: Issuer, key: Key) -> None:
        subject = uuid.uuid4().hex
        async with client_of(app, issuer.token("product-manager", sub=subject)) as client:
            assert (await client.post(PRODUCTS, json=LAMP, headers=key)).status_code == 201
        async with client_of(app, issuer.token("viewer", sub=subject)) as client:
            assert_problem(await client.post(PRODUCTS, json=LAMP, headers=key), 403, "insufficient_scope")
        async with client_of(app) as client:
            assert_problem(await client.post(PRODUCTS, json=LAMP, headers=key), 401, "missing_token")


class TestFailure:
    """Only a success is stored. Whatever else happens frees the key."""

    async def test_of_the_validation(self, manager: httpx.AsyncClient, key: Key) -> None:
        assert_problem(await manager.post(PRODUCTS, json={"name": "x"}, headers=key), 422, "validation_failed")
        assert (await manager.post(PRODUCTS, json=LAMP, headers=key)).status_code == 201

    async def test_of_the_domain_contract(self, manager: httpx.AsyncClient, create: Create, key: Key) -> None:
        missing = f"{PRODUCTS}2147483647"
        assert_problem(await manager.put(missing, json={"stock": 1}, headers=key), 404, "not_found")
        assert (await manager.post(PRODUCTS, json=LAMP, headers=key)).status_code == 201

    async def test_of_a_precondition(self, manager: httpx.AsyncClient, create: Create, key: Key) -> None:
        path = f"{PRODUCTS}{(await create())['id']}"
        stale = key | {"If-Match": '"7"'}
        assert_problem(await manager.put(path, json={"stock": 7}, headers=stale), 412, "precondition_failed")
        fresh = key | {"If-Match": '"1"'}
        response = await manager.put(path, json={"stock": 7}, headers=fresh)
        assert (response.status_code, is_replay(response)) == (200, False)

    @pytest.mark.parametrize(
        ("path", "status", "code"), [("failing", 409, "conflict"), ("broken", 500, "internal_error")]
    )
    async def test_after_the_change(
        self, manager: httpx.AsyncClient, gate: Gate, key: Key, path: str, status: int, code: str
    ) -> None:
        for calls in (1, 2):
            assert_problem(await manager.post(f"/probe/{path}", json=LAMP, headers=key), status, code)
            assert gate.calls == calls
        assert await products(manager) == []
        assert (await manager.post(PRODUCTS, json=LAMP, headers=key)).status_code == 201

    async def test_that_a_route_returns(self, manager: httpx.AsyncClient, gate: Gate, key: Key) -> None:
        """What it has changed stays, as without a key."""
        for count in (1, 2):
            assert (await manager.post("/probe/teapot", json=LAMP, headers=key)).status_code == 418
            assert len(await products(manager)) == count


class TestSize:
    async def test_of_a_large_answer_only_the_location_is_kept(
        self, start: StartContainer, database_kind: str, databases: Databases, issuer: Issuer
    ) -> None:
        small, large = LAMP, LAMP | {"description": "x" * 200}
        settings = {"DATABASE__URL": databases.migrated(database_kind), "IDEMPOTENCY__MAX_ANSWER_BYTES": "250"}
        app = start(settings).get(FastAPI)
        async with client_of(app, issuer.token("product-manager")) as client:
            first, second = [await client.post(PRODUCTS, json=small, headers={KEY: "small"}) for _ in range(2)]
            assert_replayed(first, second)
            first, second = [await client.post(PRODUCTS, json=large, headers={KEY: "large"}) for _ in range(2)]
            assert len(first.content) > 250
            assert is_replay(second)
            assert (second.status_code, second.content) == (201, b"")
            assert second.headers["location"] == first.headers["location"]
            assert "content-type" not in second.headers
            assert (await client.get(second.headers["location"])).json() == first.json()

    async def test_of_a_stream_too(self, manager: httpx.AsyncClient, gate: Gate, key: Key) -> None:
        first, second = [await manager.post("/probe/stream", json=LAMP, headers=key) for _ in range(2)]
        assert first.content == b"ab"
        assert is_replay(second)
        assert (second.status_code, second.content) == (200, b"")
        assert second.headers["location"] == first.headers["location"]
        assert gate.calls == 1
