"""The operations on webhooks: who may do what, and what is refused."""

import asyncio
import re
from typing import Any

import httpx
import pytest
from fastapi import FastAPI

from myapp.webhooks.event_types import PATTERNS

from ..conftest import client_of
from ..fixture_types import Json, StartContainer
from ..platform.web.problems import assert_problem
from .conftest import Hook
from .receiver import Receiver

PATH = "/api/v1/webhooks/"
NOBODY = f"{PATH}00000000-0000-4000-8000-000000000000"
BODY: Json = {"url": "https://shop.example.com/hooks", "event_types": ["product.*"]}

OPERATIONS: list[tuple[str, str, Json | None]] = [
    ("POST", "", BODY),
    ("GET", "", None),
    ("GET", "{id}", None),
    ("PATCH", "{id}", {"enabled": False}),
    ("DELETE", "{id}", None),
    ("POST", "{id}/rotate-secret", None),
    ("POST", "{id}/ping", None),
    ("GET", "{id}/deliveries", None),
    ("POST", "{id}/deliveries/1/redeliver", None),
    ("POST", "{id}/recover", {"since": "2026-01-01T00:00:00Z"}),
]


@pytest.mark.one_database
class TestEachOperation:
    @pytest.mark.parametrize(("method", "path", "body"), OPERATIONS)
    async def test_needs_the_permission(
        self,
        anonymous: httpx.AsyncClient,
        viewer: httpx.AsyncClient,
        manager: httpx.AsyncClient,
        admin: httpx.AsyncClient,
        hook: Hook,
        receiver: Receiver,
        method: str,
        path: str,
        body: Json | None,
    ) -> None:
        webhook = await hook()
        full = PATH + path.format(id=webhook["id"])
        assert_problem(await anonymous.request(method, full, json=body), 401, "missing_token")
        for client in (viewer, manager):
            assert_problem(await client.request(method, full, json=body), 403, "insufficient_scope")
        assert receiver.received == []
        assert (await admin.get(PATH + webhook["id"])).headers["etag"] == '"1"'
        assert (await admin.get(PATH)).json()["total"] == 1

    @pytest.mark.parametrize(("method", "path", "body"), OPERATIONS[2:])
    async def test_of_nobody_is_not_found(
        self, admin: httpx.AsyncClient, hook: Hook, method: str, path: str, body: Json | None
    ) -> None:
        deleted = (await hook())["id"]
        await admin.delete(PATH + deleted)
        for id in (NOBODY.removeprefix(PATH), deleted):
            response = await admin.request(method, PATH + path.format(id=id), json=body)
            assert_problem(response, 404, "not_found")


class TestCreate:
    async def test_shows_the_secret_once(self, admin: httpx.AsyncClient) -> None:
        response = await admin.post(PATH, json=BODY)
        assert response.status_code == 201
        webhook = response.json()
        assert response.headers["location"] == PATH + webhook["id"]
        assert response.headers["etag"] == '"1"'
        secret = webhook.pop("secret")
        assert re.fullmatch(r"whsec_[A-Za-z0-9+/]{43}=", secret)
        assert webhook == {
            "id": webhook["id"],
            **BODY,
            "enabled": True,
            "disabled_reason": None,
            "previous_secret_until": None,
            "owner": "admin-1",
            "created_at": webhook["created_at"],
            "updated_at": webhook["created_at"],
        }
        assert (await admin.get(response.headers["location"])).json() == webhook
        assert (await admin.get(PATH)).json()["items"] == [webhook]
        assert (await admin.post(PATH, json=BODY)).json()["secret"] != secret

    @pytest.mark.parametrize(
        ("changes", "pointer"),
        [
            ({"url": 5}, "#/url"),
            ({"url": None}, "#/url"),
            ({"url": ""}, "#/url"),
            ({"url": "shop.example.com"}, "#/url"),
            ({"url": "ftp://shop.example.com"}, "#/url"),
            ({"url": "https://me:secret@shop.example.com"}, "#/url"),
            ({"url": "https://shop.example.com/#here"}, "#/url"),
            ({"url": "https://2130706433/"}, "#/url"),
            ({"url": "https://shop.example.com./"}, "#/url"),
            ({"url": "https://shop.example.com/\x00"}, "#/url"),
            ({"url": "https://shop.example.com/" + "x" * 2000}, "#/url"),
            ({"event_types": []}, "#/event_types"),
            ({"event_types": None}, "#/event_types"),
            ({"event_types": "product.*"}, "#/event_types"),
            ({"event_types": {}}, "#/event_types"),
            ({"event_types": [5]}, "#/event_types/0"),
            ({"event_types": ["product.created", "*"]}, "#/event_types/1"),
            ({"event_types": ["user.created"]}, "#/event_types/0"),
            ({"event_types": ["product.*\x00"]}, "#/event_types/0"),
            ({"event_types": ["product.*", "product.*"]}, "#/event_types"),
            ({"event_types": ["product.*"] * 1000}, "#/event_types"),
            ({"secret": "whsec_x"}, "#/secret"),
            ({"enabled": True}, "#/enabled"),
        ],
    )
    async def test_refuses_garbage(self, admin: httpx.AsyncClient, changes: Json, pointer: str) -> None:
        response = await admin.post(PATH, json=BODY | changes)
        problem = assert_problem(response, 422, "validation_failed")
        assert {error["pointer"] for error in problem["errors"]} == {pointer}
        assert (await admin.get(PATH)).json()["total"] == 0

    @pytest.mark.parametrize("missing", ["url", "event_types"])
    async def test_needs_each_field(self, admin: httpx.AsyncClient, missing: str) -> None:
        body = {name: value for name, value in BODY.items() if name != missing}
        assert_problem(await admin.post(PATH, json=body), 422, "validation_failed")

    @pytest.mark.parametrize(
        "url",
        [
            "http://93.184.216.34/",
            "https://10.0.0.1/",
            "https://[::1]/",
            "https://[::ffff:127.0.0.1]/",
            "https://169.254.169.254/latest/meta-data/",
        ],
    )
    async def test_refuses_an_address_that_is_not_public(self, admin: httpx.AsyncClient, url: str) -> None:
        """The application of these tests allows 127.0.0.0/8."""
        assert_problem(await admin.post(PATH, json=BODY | {"url": url}), 422, "target_refused")
        assert (await admin.post(PATH, json=BODY | {"url": "http://127.0.0.1/"})).status_code == 201

    async def test_needs_https_by_default(
        self, start: StartContainer, database_url: str, tokens: dict[str, str]
    ) -> None:
        app = start({"DATABASE__URL": database_url}).get(FastAPI)
        async with client_of(app, tokens["admin"]) as client:
            for url in ("http://shop.example.com/", "http://127.0.0.1/", "https://127.0.0.1/"):
                assert_problem(await client.post(PATH, json=BODY | {"url": url}), 422, "target_refused")
            webhook = (await client.post(PATH, json=BODY)).json()
            response = await client.patch(PATH + webhook["id"], json={"url": "http://shop.example.com/"})
            assert_problem(response, 422, "target_refused")

    async def test_is_limited(self, start: StartContainer, database_url: str, tokens: dict[str, str]) -> None:
        app = start({"DATABASE__URL": database_url, "WEBHOOKS__MAX_WEBHOOKS": "2"}).get(FastAPI)
        async with client_of(app, tokens["admin"]) as client:
            first, _ = [(await client.post(PATH, json=BODY)).json()["id"] for _ in range(2)]
            assert_problem(await client.post(PATH, json=BODY), 409, "conflict")
            await client.delete(PATH + first)
            assert (await client.post(PATH, json=BODY)).status_code == 201


class TestUpdate:
    @pytest.mark.parametrize(
        "changes",
        [
            {"url": "https://other.example.com/"},
            {"event_types": ["product.deleted"]},
            {"enabled": False},
            {"url": "https://a.example.com/", "event_types": list(PATTERNS), "enabled": False},
        ],
    )
    async def test_changes_what_is_sent(self, admin: httpx.AsyncClient, hook: Hook, changes: Json) -> None:
        webhook = await hook()
        del webhook["secret"]
        response = await admin.patch(PATH + webhook["id"], json=changes)
        assert response.status_code == 200
        assert response.headers["etag"] == '"2"'
        assert response.json() == webhook | changes | {"updated_at": response.json()["updated_at"]}
        again = await admin.patch(PATH + webhook["id"], json=changes)
        assert (again.headers["etag"], again.json()) == ('"2"', response.json())

    @pytest.mark.parametrize(
        "body",
        [
            {},
            {"url": None},
            {"event_types": None},
            {"enabled": None},
            {"enabled": "no"},
            {"enabled": 0},
            {"disabled_reason": None},
            {"url": "https://a@b.example/"},
            {"event_types": ["*"]},
        ],
    )
    async def test_refuses_garbage(self, admin: httpx.AsyncClient, hook: Hook, body: Json) -> None:
        webhook = await hook()
        assert_problem(await admin.patch(PATH + webhook["id"], json=body), 422, "validation_failed")
        assert (await admin.get(PATH + webhook["id"])).headers["etag"] == '"1"'

    async def test_of_another_version_is_refused(self, admin: httpx.AsyncClient, hook: Hook) -> None:
        path = PATH + (await hook())["id"]
        stale = {"If-Match": '"7"'}
        for response in (
            await admin.patch(path, json={"enabled": False}, headers=stale),
            await admin.delete(path, headers=stale),
        ):
            assert_problem(response, 412, "precondition_failed")
        assert (await admin.get(path, headers={"If-None-Match": '"1"'})).status_code == 304
        assert (await admin.delete(path, headers={"If-Match": '"1"'})).status_code == 204

    async def test_at_the_same_time_keeps_both(self, admin: httpx.AsyncClient, hook: Hook) -> None:
        path = PATH + (await hook())["id"]
        changes: list[Any] = [{"enabled": False}, {"event_types": ["product.deleted"]}, {"url": "https://b.example/"}]
        answers = await asyncio.gather(*(admin.patch(path, json=change) for change in changes))
        assert {answer.status_code for answer in answers} == {200}
        found = (await admin.get(path)).json()
        assert {name: found[name] for change in changes for name in change} == {
            name: value for change in changes for name, value in change.items()
        }


class TestList:
    async def test_has_pages(self, admin: httpx.AsyncClient, hook: Hook) -> None:
        ids = [(await hook(f"/{number}"))["id"] for number in range(3)]
        pages = [(await admin.get(PATH, params={"page": str(page), "page_size": "2"})).json() for page in (1, 2, 3)]
        assert [item["id"] for page in pages for item in page["items"]] == ids
        assert {page["total"] for page in pages} == {3}

    async def test_of_deliveries_filters_by_state(
        self, admin: httpx.AsyncClient, hook: Hook, create: Any, deliver: Any
    ) -> None:
        path = f"{PATH}{(await hook())['id']}/deliveries"
        assert (await admin.get(path)).json()["total"] == 0
        product = await create()
        await deliver()
        [delivery] = (await admin.get(path, params={"state": "delivered"})).json()["items"]
        assert delivery["product_id"] == product["id"]
        assert delivery["next_attempt_at"] is None
        [attempt] = delivery["attempts"]
        assert (attempt["status"], attempt["error"]) == (200, None)
        assert (await admin.get(path, params={"state": "dead"})).json()["total"] == 0
        assert_problem(await admin.get(path, params={"state": "lost"}), 422, "validation_failed")


@pytest.mark.one_database
class TestDocument:
    def test_has_the_messages(self, app: FastAPI) -> None:
        document = app.openapi()
        sent = set(PATTERNS) - {"product.*"} | {"webhook.ping"}
        assert set(document["webhooks"]) == sent
        for item in document["webhooks"].values():
            schema = item["post"]["requestBody"]["content"]["application/json"]["schema"]["$ref"].rpartition("/")[2]
            assert set(document["components"]["schemas"][schema]["properties"]) == {"type", "timestamp", "data"}
            assert {"200", "410", "4XX", "5XX"} == set(item["post"]["responses"])
