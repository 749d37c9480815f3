"""Every answer says who may keep it, whichever layer it comes from."""

from typing import Any
from uuid import UUID

import httpx
import pytest
from fastapi import FastAPI
from httpx import AsyncClient, Response

from myapp.platform.web.docs import ASSETS

from ..conftest import StartContainer, client_of
from ..issuer import Issuer
from ..platform.web.conftest import SHOP
from .conftest import send
from .test_access import ROUTES

pytestmark = pytest.mark.one_database

REVALIDATED = ["/openapi.json", "/docs", "/docs/openapi.json", "/redoc"]
KEPT = {f"/docs/{asset.name}" for asset in ASSETS.iterdir()}


def assert_declared(response: Response, path: str) -> None:
    declared = response.headers.get_list("cache-control")
    vary = response.headers.get("vary", "")
    if response.status_code >= 400 or "etag" not in response.headers:
        public = response.status_code < 400 and path in REVALIDATED
        assert declared == ["no-cache" if public else "no-store"]
    elif path in KEPT:
        assert declared == ["public, max-age=86400"]
    else:
        assert declared == ["private, no-cache"]
        assert "Authorization" in vary


class TestEveryRoute:
    @pytest.fixture
    def ids(self, product_id: int, user_id: UUID, report_id: str) -> dict[str, Any]:
        return {"product_id": product_id, "user_id": user_id, "report_id": report_id}

    async def test_declares_who_may_keep_its_answers(
        self, app: FastAPI, issuer: Issuer, ids: dict[str, Any], deactivated: str, subtests: pytest.Subtests
    ) -> None:
        roles = issuer.token(roles=["admin", "product-manager"])
        seen: set[tuple[str, int]] = set()
        for token in (roles, issuer.token("viewer"), deactivated, "garbage", None):
            async with client_of(app, token) as client:
                for method, path in ROUTES:
                    for options in ({}, {"json": {"name": "Lamp", "price": 1}}, {"headers": {"If-None-Match": "*"}}):
                        with subtests.test(f"{method} {path}", token=token, options=options):
                            response = await send_with(client, method, path, ids, options)
                            assert_declared(response, path)
                            seen.add((path, response.status_code))
        assert {("/api/v1/me", 200), ("/api/v1/me", 304), ("/api/v1/products/{product_id}", 304)} < seen
        assert {status for _, status in seen} >= {200, 201, 304, 401, 403, 404, 422}

    async def test_without_content_too(self, app: FastAPI, issuer: Issuer, ids: dict[str, Any]) -> None:
        async with client_of(app, issuer.token("admin")) as client:
            response = await client.delete(f"/api/v1/products/{ids['product_id']}")
            assert response.status_code == 204
            assert_declared(response, "")

    async def test_head_is_as_get(self, app: FastAPI, issuer: Issuer, ids: dict[str, Any]) -> None:
        async with client_of(app, issuer.token("admin")) as client:
            path = f"/api/v1/products/{ids['product_id']}"
            asked, head = await client.get(path), await client.head(path)
            for name in ("etag", "cache-control", "vary"):
                assert head.headers[name] == asked.headers[name]

    async def test_not_modified_has_the_headers_of_the_answer(
        self, app: FastAPI, issuer: Issuer, ids: dict[str, Any]
    ) -> None:
        async with client_of(app, issuer.token("admin")) as client:
            for path in (f"/api/v1/products/{ids['product_id']}", "/api/v1/me", f"/api/v1/reports/{ids['report_id']}"):
                whole = await client.get(path)
                unchanged = await client.get(path, headers={"If-None-Match": whole.headers["etag"]})
                assert unchanged.status_code == 304
                for name in ("etag", "cache-control", "vary"):
                    assert unchanged.headers[name] == whole.headers[name]


async def send_with(
    client: AsyncClient, method: str, path: str, ids: dict[str, Any], options: dict[str, Any]
) -> httpx.Response:
    if method == "DELETE":
        ids = {}  # the others need them
    for name, known in ids.items():
        path = path.replace(f"{{{name}}}", str(known))
    return await send(client, method, path, **options)


class TestOtherAnswers:
    async def test_of_no_route(self, anonymous: AsyncClient, viewer: AsyncClient) -> None:
        for client in (anonymous, viewer):
            for path in ("/", "/nowhere", "/docs/nothing"):
                assert_declared(await client.get(path), path)
            assert_declared(await client.request("BREW", "/api/v1/me"), "/api/v1/me")

    async def test_of_a_route_that_fails(self, start: StartContainer, shared_url: str, issuer: Issuer) -> None:
        settings = {"DATABASE__URL": shared_url, "WEB__CORS_ORIGINS": f'["{SHOP}"]'}
        app = start(settings, modules=["tests.platform.web.faulty"]).get(FastAPI)
        async with client_of(app, issuer.token("viewer")) as client:
            for name in ("unexpected", "not_found", "conflict", "database", "teapot"):
                response = await client.get(f"/faulty/errors/{name}", headers={"Origin": SHOP})
                assert response.status_code >= 400
                assert_declared(response, "")
                assert "Origin" in response.headers["vary"]

    async def test_to_pages_of_other_origins_depend_on_the_origin(
        self, start: StartContainer, shared_url: str, issuer: Issuer
    ) -> None:
        app = start({"DATABASE__URL": shared_url, "WEB__CORS_ORIGINS": f'["{SHOP}"]'}).get(FastAPI)
        async with client_of(app, issuer.token("viewer")) as client:
            for headers in ({"Origin": SHOP}, {"Origin": "https://other.example.com"}, {}):
                response = await client.get("/api/v1/me", headers=headers)
                assert_declared(response, "/api/v1/me")
                assert response.headers["vary"] == "Authorization, Origin"
            preflight = {"Origin": SHOP, "Access-Control-Request-Method": "GET"}
            assert_declared(await client.options("/api/v1/me", headers=preflight), "/api/v1/me")
