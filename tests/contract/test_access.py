"""The access rule of every route, tried by every kind of caller.

A new route needs a row here: PUBLIC, ANY_TOKEN, or the permissions of which it requires one.
"""

import time
from typing import Any
from urllib.parse import unquote

import httpx
import pytest
from fastapi import FastAPI
from pico_client_auth.decorators import PICO_ALLOW_ANONYMOUS, PICO_REQUIRED_GROUPS, PICO_REQUIRED_ROLES
from pico_client_auth.scope import PICO_REQUIRED_SCOPES
from pico_ioc import PicoContainer

from myapp.platform.auth.authorities import is_permission
from myapp.platform.auth.settings import AuthSettings
from myapp.platform.web.docs import ASSETS

from ..conftest import client_of
from ..issuer import Issuer
from ..platform.web.problems import assert_problem
from .conftest import send

PUBLIC = "(public)"
ANY_TOKEN = "(any valid token)"

RULES = {
    ("GET", "/api/v1/health"): PUBLIC,
    ("GET", "/api/v1/health/ready"): PUBLIC,
    ("GET", "/openapi.json"): PUBLIC,
    ("GET", "/docs"): PUBLIC,
    ("GET", "/docs/openapi.json"): PUBLIC,
    ("GET", "/docs/oauth2-redirect"): PUBLIC,
    ("GET", "/redoc"): PUBLIC,
    **{("GET", f"/docs/{asset.name}"): PUBLIC for asset in ASSETS.iterdir()},
    ("GET", "/api/v1/products/"): ANY_TOKEN,
    ("GET", "/api/v1/products/paged"): ANY_TOKEN,
    ("GET", "/api/v1/products/scroll"): ANY_TOKEN,
    ("GET", "/api/v1/products/search"): ANY_TOKEN,
    ("GET", "/api/v1/products/{product_id}"): ANY_TOKEN,
    ("GET", "/api/v1/products/by-sku/{sku}"): ANY_TOKEN,
    ("POST", "/api/v1/products/"): "products:write",
    ("POST", "/api/v1/products/bulk"): "products:delete, products:write",
    ("PUT", "/api/v1/products/{product_id}"): "products:write",
    ("PATCH", "/api/v1/products/{product_id}"): "products:write",
    ("PATCH", "/api/v1/products/{product_id}/deactivate"): "products:write",
    ("DELETE", "/api/v1/products/{product_id}"): "products:delete",
    ("GET", "/api/v1/products/{product_id}/history"): "events:read",
    ("POST", "/api/v1/stock-adjustments/"): "stock:adjust",
    ("GET", "/api/v1/events/"): "events:read",
    ("GET", "/api/v1/analytics/daily"): "events:admin",
    ("GET", "/api/v1/admin/events/"): "events:admin",
    ("POST", "/api/v1/admin/events/{event_id}/redeliver"): "events:admin",
    ("GET", "/api/v1/reports/"): ANY_TOKEN,
    ("GET", "/api/v1/reports/{report_id}"): ANY_TOKEN,
    ("GET", "/api/v1/reports/{report_id}/file"): ANY_TOKEN,
    ("GET", "/api/v1/reports/{report_id}/download"): PUBLIC,
    ("POST", "/api/v1/reports/"): "reports:create",
    ("POST", "/api/v1/reports/{report_id}/cancel"): "reports:create",
    ("POST", "/api/v1/webhooks/"): "webhooks:manage",
    ("GET", "/api/v1/webhooks/"): "webhooks:manage",
    ("GET", "/api/v1/webhooks/{webhook_id}"): "webhooks:manage",
    ("PATCH", "/api/v1/webhooks/{webhook_id}"): "webhooks:manage",
    ("DELETE", "/api/v1/webhooks/{webhook_id}"): "webhooks:manage",
    ("POST", "/api/v1/webhooks/{webhook_id}/rotate-secret"): "webhooks:manage",
    ("POST", "/api/v1/webhooks/{webhook_id}/ping"): "webhooks:manage",
    ("GET", "/api/v1/webhooks/{webhook_id}/deliveries"): "webhooks:manage",
    ("POST", "/api/v1/webhooks/{webhook_id}/deliveries/{event_id}/redeliver"): "webhooks:manage",
    ("POST", "/api/v1/webhooks/{webhook_id}/recover"): "webhooks:manage",
    ("GET", "/api/v1/me"): ANY_TOKEN,
    ("PATCH", "/api/v1/me"): ANY_TOKEN,
    ("GET", "/api/v1/users/"): "users:read",
    ("GET", "/api/v1/users/{user_id}"): "users:read",
    ("PATCH", "/api/v1/users/{user_id}"): "users:write",
    ("DELETE", "/api/v1/users/{user_id}"): "users:write",
}

GRANTED = {
    "products:write": {"product-manager"},
    "products:delete": {"admin"},
    "products:delete, products:write": {"product-manager", "admin"},
    "stock:adjust": {"product-manager", "admin"},
    "events:read": {"product-manager", "admin"},
    "events:admin": {"admin"},
    "reports:create": {"product-manager", "admin"},
    "users:read": {"admin"},
    "users:write": {"admin"},
    "webhooks:manage": {"admin"},
}
"""The roles that have one of these permissions. No role includes another."""


def names(rule: str) -> list[str]:
    """Return the permissions of a rule: one of them is enough."""
    return rule.split(", ")


ROUTES = sorted(RULES)
WITH_PERMISSION = [route for route in ROUTES if is_permission(RULES[route].strip("()"))]
PROTECTED = [route for route in ROUTES if RULES[route] != PUBLIC]


@pytest.mark.one_database
class TestTable:
    def test_has_every_route(self, endpoints: dict[tuple[str, str], Any]) -> None:
        assert set(endpoints) == set(RULES)

    def test_matches_the_routes(self, endpoints: dict[tuple[str, str], Any], subtests: pytest.Subtests) -> None:
        for route, endpoint in endpoints.items():
            with subtests.test(" ".join(route)):
                if RULES[route] == PUBLIC:
                    assert getattr(endpoint, PICO_ALLOW_ANONYMOUS, False)
                else:
                    required = set() if RULES[route] == ANY_TOKEN else set(names(RULES[route]))
                    assert set(getattr(endpoint, PICO_REQUIRED_ROLES, ())) == required

    def test_has_one_rule_a_route(self, endpoints: dict[tuple[str, str], Any], subtests: pytest.Subtests) -> None:
        markers = (PICO_ALLOW_ANONYMOUS, PICO_REQUIRED_ROLES, PICO_REQUIRED_GROUPS, PICO_REQUIRED_SCOPES)
        for route, endpoint in endpoints.items():
            with subtests.test(" ".join(route)):
                assert sum(bool(getattr(endpoint, marker, False)) for marker in markers) <= 1

    def test_requires_permissions_that_some_role_has(self, container: PicoContainer, subtests: pytest.Subtests) -> None:
        granted = container.get(AuthSettings).permissions
        for permission in {RULES[route] for route in WITH_PERMISSION}:
            with subtests.test(permission):
                roles = {role for role, permissions in granted.items() if set(names(permission)) & set(permissions)}
                assert roles == GRANTED[permission]


def is_open(response: httpx.Response, route: tuple[str, str]) -> bool:
    """Return whether a public route has handled the request. A route with an id in its path finds no resource."""
    return response.status_code == 200 or ("{" in route[1] and response.status_code in (404, 410, 422))


class TestCallers:
    @pytest.mark.one_database
    async def test_anonymous(self, app: FastAPI, subtests: pytest.Subtests) -> None:
        async with client_of(app) as client:
            for route in ROUTES:
                with subtests.test(" ".join(route)):
                    response = await send(client, *route)
                    if RULES[route] == PUBLIC:
                        assert is_open(response, route)
                    else:
                        assert_problem(response, 401, "missing_token")

    @pytest.mark.parametrize("role", ["viewer", "product-manager", "admin", "unheard-of", None])
    async def test_role(self, app: FastAPI, issuer: Issuer, role: str | None, subtests: pytest.Subtests) -> None:
        async with client_of(app, issuer.token(role)) as client:
            for route in ROUTES:
                with subtests.test(" ".join(route)):
                    response = await send(client, *route)
                    if is_permission(RULES[route]) and role not in GRANTED[RULES[route]]:
                        problem = assert_problem(response, 403, "insufficient_scope")
                        assert RULES[route] in problem["detail"]
                        assert f'scope="{" ".join(names(RULES[route]))}"' in response.headers["www-authenticate"]
                    else:
                        assert response.status_code not in (401, 403, 405, 500)

    async def test_deactivated(self, app: FastAPI, deactivated: str, subtests: pytest.Subtests) -> None:
        """The roles of the token do not matter. A public route ignores the token."""
        async with client_of(app, deactivated) as client:
            for route in ROUTES:
                with subtests.test(" ".join(route)):
                    response = await send(client, *route)
                    if RULES[route] == PUBLIC:
                        assert is_open(response, route)
                    else:
                        assert_problem(response, 403, "user_inactive")

    @pytest.mark.parametrize("permission", GRANTED)
    async def test_permission_without_a_role(
        self, app: FastAPI, issuer: Issuer, permission: str, subtests: pytest.Subtests
    ) -> None:
        async with client_of(app, issuer.token(permissions=names(permission))) as client:
            for route in WITH_PERMISSION:
                with subtests.test(" ".join(route)):
                    response = await send(client, *route)
                    if set(names(RULES[route])) & set(names(permission)):
                        assert response.status_code not in (401, 403, 405, 500)
                    else:
                        assert_problem(response, 403, "insufficient_scope")

    @pytest.mark.one_database
    @pytest.mark.parametrize(
        "claims",
        [
            {"roles": ["products:write", "products:delete"]},
            {"role": "products:write products:delete"},
            {"permissions": ["product-manager", "admin"]},
            {"permissions": "*"},
            {"scope": "products:write products:delete"},
            {"scp": ["products:write", "products:delete"]},
            {"groups": ["admin", "product-manager"]},
            {"roles": {"admin": False, "product-manager": None, "products:delete": {}}},
            {"roles": [["admin"], ["product-manager"]]},
            {"role": ["Admin", "ADMIN", "admin ", "Product-Manager"]},
            {"realm_access": {"roles": ["admin", "product-manager"]}},
        ],
        ids=str,
    )
    async def test_claims_that_grant_nothing(
        self, app: FastAPI, issuer: Issuer, claims: dict[str, Any], subtests: pytest.Subtests
    ) -> None:
        async with client_of(app, issuer.token(**claims)) as client:
            for route in WITH_PERMISSION:
                with subtests.test(" ".join(route)):
                    assert_problem(await send(client, *route), 403, "insufficient_scope")

    @pytest.mark.one_database
    @pytest.mark.parametrize("flaw", ["expired", "audience", "issuer", "not yet", "signature", "garbage", "unsigned"])
    async def test_bad_token(self, app: FastAPI, issuer: Issuer, flaw: str, subtests: pytest.Subtests) -> None:
        """The role of the token does not matter. A public route ignores the token."""
        async with client_of(app, bad_token(issuer, flaw)) as client:
            for route in ROUTES:
                with subtests.test(" ".join(route)):
                    response = await send(client, *route)
                    if RULES[route] == PUBLIC:
                        assert is_open(response, route)
                    else:
                        assert_problem(response, 401, "invalid_token")

    @pytest.mark.one_database
    async def test_decided_before_the_body_is_read(self, app: FastAPI, subtests: pytest.Subtests) -> None:
        async def unread() -> Any:
            raise AssertionError("the body was read")
            yield b""

        async with client_of(app) as client:
            for route in PROTECTED:
                with subtests.test(" ".join(route)):
                    response = await send(client, *route, content=unread(), headers={"Content-Length": str(10**9)})
                    assert_problem(response, 401, "missing_token")


@pytest.mark.one_database
class TestOtherPaths:
    """A path without a route needs a token too, and no spelling of a path avoids a rule."""

    @pytest.mark.parametrize(
        "path", ["/", "/nowhere", "/api/v1/products/", "/api/v1/products/1", "/api/v1/health", "/docs"]
    )
    async def test_anonymous(self, app: FastAPI, path: str, subtests: pytest.Subtests) -> None:
        async with client_of(app) as client:
            for method in ("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "TRACE", "BREW"):
                with subtests.test(method):
                    status = (await client.request(method, path)).status_code
                    rule = RULES.get(("GET" if method == "HEAD" else method, path))
                    assert status == (200 if rule == PUBLIC else 401)

    @pytest.mark.parametrize("path", ["/", "/nowhere", "/api/v1", "/api/v1/product", "/docs/nothing.js", "/docs/../x"])
    async def test_unknown_path(
        self, app: FastAPI, tokens: dict[str, str], path: str, subtests: pytest.Subtests
    ) -> None:
        async with client_of(app, tokens["admin"]) as client:
            for method in ("GET", "POST", "OPTIONS", "BREW"):
                with subtests.test(method):
                    assert_problem(await client.request(method, path), 404, "route_not_found")

    @pytest.mark.parametrize(
        ("path", "allowed"),
        [
            ("/api/v1/products/", "GET, POST"),
            ("/api/v1/products", "GET, POST"),
            ("/api/v1/products/paged", "GET"),
            ("/api/v1/products/1", "DELETE, GET, PATCH, PUT"),
            ("/api/v1/products/1/deactivate", "PATCH"),
            ("/api/v1/health", "GET"),
            ("/docs", "GET"),
        ],
    )
    async def test_unknown_method(
        self, app: FastAPI, tokens: dict[str, str], path: str, allowed: str, subtests: pytest.Subtests
    ) -> None:
        async with client_of(app, tokens["viewer"]) as client:
            for method in ("TRACE", "OPTIONS", "BREW"):
                with subtests.test(method):
                    response = await client.request(method, path)
                    assert_problem(response, 405, "method_not_allowed")
                    assert response.headers["allow"] == allowed

    @pytest.mark.parametrize(
        "path",
        [
            "/api/v1/products/%0A",
            "/api/v1/products%0A",
            "/api/v1/products/%0A/",
            "/api/v1/products//",
            "//api/v1/products/",
            "/api/v1//products/",
            "/api/v1/./products/",
            "/api/v1/x/../products/",
            "/API/v1/products/",
            "/api/v1/products/%20",
            "/api/v1/products/%00",
            "/api/v1/products/;",
            "/api/v1/products%2F",
            "/api/v1%2Fproducts/",
            "/api/v1/products/%2e",
            "/api/v1/products/paged%0A",
            "/api/v1/products/1%0A",
            "/api/v1/products/1/deactivate%0A",
            "/api/v1/health%0A",
            "/docs%0A",
        ],
    )
    async def test_no_spelling_avoids_a_rule(
        self, app: FastAPI, tokens: dict[str, str], path: str, subtests: pytest.Subtests
    ) -> None:
        """The path is sent unchanged; an HTTP client would normalise it."""
        for method in ("GET", "POST", "PUT", "PATCH", "DELETE"):
            with subtests.test(method):
                status = await raw_status(app, method, path, tokens["viewer"])
                if method != "GET":
                    assert status in (403, 404, 405)
                assert await raw_status(app, method, path, None) == 401


def bad_token(issuer: Issuer, flaw: str) -> str:
    now = int(time.time())
    match flaw:
        case "expired":
            return issuer.token("admin", exp=now - 60)
        case "audience":
            return issuer.token("admin", aud="another-api")
        case "issuer":
            return issuer.token("admin", iss="http://127.0.0.1:1")
        case "not yet":
            return issuer.token("admin", nbf=now + 600)
        case "signature":
            return issuer.token("admin")[:-8] + "AAAAAAAA"
        case "unsigned":
            return issuer.token("admin", key="", algorithm="none")
        case _:
            return "garbage"


async def raw_status(app: FastAPI, method: str, path: str, token: str | None) -> int:
    """Return the status of an answer to a request whose path is sent unchanged and decoded as the server does it."""
    sent: list[Any] = []
    headers = [(b"host", b"testserver"), (b"content-type", b"application/json")]
    if token:
        headers.append((b"authorization", f"Bearer {token}".encode()))
    scope = {
        "type": "http",
        "asgi": {"version": "3.0"},
        "http_version": "1.1",
        "method": method,
        "scheme": "http",
        "path": unquote(path),
        "raw_path": path.encode(),
        "query_string": b"",
        "root_path": "",
        "headers": headers,
        "client": ("127.0.0.1", 1),
        "server": ("testserver", 80),
    }

    async def receive() -> dict[str, Any]:
        return {"type": "http.request", "body": b'{"name": "Intruder", "price": 1}', "more_body": False}

    async def send_message(message: Any) -> None:
        sent.append(message)

    await app(scope, receive, send_message)
    status: int = sent[0]["status"]
    return status
