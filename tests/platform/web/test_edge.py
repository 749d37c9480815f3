"""Other hosts: origins of browsers, trusted proxies, paths of which a proxy strips a prefix."""

import httpx
import pytest
from fastapi import FastAPI

from ...conftest import client_of
from ...fixture_types import StartContainer
from ...issuer import Issuer
from .conftest import SHOP
from .problems import assert_problem

pytestmark = pytest.mark.one_database

PRODUCTS = "/api/v1/products/"
EVIL = "https://evil.example.com"


class TestDefaults:
    async def test_other_origins_get_no_cors_headers(
        self, viewer: httpx.AsyncClient, anonymous: httpx.AsyncClient
    ) -> None:
        response = await viewer.get(PRODUCTS, headers={"Origin": SHOP})
        assert not [name for name in response.headers if name.startswith("access-control")]
        headers = {"Origin": SHOP, "Access-Control-Request-Method": "GET"}
        assert_problem(await anonymous.options(PRODUCTS, headers=headers), 401, "missing_token")

    async def test_the_server_of_the_documentation_is_its_own_host(self, anonymous: httpx.AsyncClient) -> None:
        for path in ("/openapi.json", "/docs/openapi.json"):
            assert (await anonymous.get(path)).json()["servers"] == [{"url": "/"}]


class TestCors:
    @pytest.fixture
    def app(self, faulty_app: FastAPI) -> FastAPI:
        return faulty_app

    def preflight(self, **headers: str) -> dict[str, str]:
        asked = {
            "Origin": SHOP,
            "Access-Control-Request-Method": "PUT",
            "Access-Control-Request-Headers": "authorization,content-type,if-match,if-none-match,x-request-id",
        }
        return asked | {name.replace("_", "-"): value for name, value in headers.items()}

    async def test_preflight_needs_no_token(self, app: FastAPI) -> None:
        async with client_of(app) as client:
            for path in (PRODUCTS, PRODUCTS + "1", "/nowhere"):
                response = await client.options(path, headers=self.preflight())
                assert (response.status_code, response.content) == (204, b"")
                assert response.headers["access-control-allow-origin"] == SHOP
                assert "PUT" in response.headers["access-control-allow-methods"]
                allowed = response.headers["access-control-allow-headers"].lower()
                assert {"if-match", "last-event-id"} <= set(allowed.split(", "))
                assert "access-control-allow-credentials" not in response.headers
                assert response.headers["x-request-id"]

    @pytest.mark.parametrize("origin", [EVIL, "http://shop.example.com", f"{SHOP}.evil.com", "null"])
    async def test_preflight_of_another_origin_gets_no_permission(self, app: FastAPI, origin: str) -> None:
        async with client_of(app) as client:
            response = await client.options(PRODUCTS, headers=self.preflight(Origin=origin))
            assert "access-control-allow-origin" not in response.headers
            assert response.content == b""

    async def test_preflight_of_another_method_or_header_is_not_allowed(self, app: FastAPI) -> None:
        async with client_of(app) as client:
            response = await client.options(PRODUCTS, headers=self.preflight(Access_Control_Request_Method="BREW"))
            assert "BREW" not in response.headers["access-control-allow-methods"]
            response = await client.options(PRODUCTS, headers=self.preflight(Access_Control_Request_Headers="X-Evil"))
            assert "evil" not in response.headers["access-control-allow-headers"].lower()

    @pytest.mark.parametrize(
        ("method", "path", "role", "status"),
        [
            ("GET", PRODUCTS, "viewer", 200),
            ("GET", PRODUCTS, None, 401),
            ("DELETE", PRODUCTS + "1", "viewer", 403),
            ("GET", "/nowhere", "viewer", 404),
            ("BREW", PRODUCTS, "viewer", 405),
            ("POST", PRODUCTS, "product-manager", 413),
            ("GET", PRODUCTS + "?x=1", "viewer", 422),
            ("GET", "/faulty/errors/unexpected", "viewer", 500),
            ("GET", "/faulty/public", None, 500),
            ("GET", "/faulty/errors/database", "viewer", 503),
        ],
    )
    async def test_every_answer_can_be_read_by_the_origin(
        self, app: FastAPI, issuer: Issuer, method: str, path: str, role: str | None, status: int
    ) -> None:
        content = b" " * 2_000_000 if method == "POST" else None
        async with client_of(app, issuer.token(role) if role else None) as client:
            response = await client.request(method, path, headers={"Origin": SHOP}, content=content)
            assert response.status_code == status
            assert response.headers["access-control-allow-origin"] == SHOP
            assert "x-request-id" in response.headers["access-control-expose-headers"].lower()
            assert response.headers["vary"] == "Origin"
            response = await client.request(method, path, headers={"Origin": EVIL}, content=content)
            assert response.status_code == status
            assert "access-control-allow-origin" not in response.headers


class TestRootPath:
    @pytest.mark.parametrize("root", ["/shop", "/a/b/"])
    async def test_begins_every_path_in_an_answer(
        self, start: StartContainer, shared_url: str, root: str, tokens: dict[str, str]
    ) -> None:
        """It makes no difference whether the proxy has stripped it."""
        app = start({"DATABASE__URL": shared_url, "WEB__ROOT_PATH": root}).get(FastAPI)
        root = root.rstrip("/")
        for prefix in ("", root):
            await self.ask_everything(app, root, prefix, tokens["product-manager"])

    async def ask_everything(self, app: FastAPI, root: str, prefix: str, token: str) -> None:
        async with client_of(app, token) as client:
            for path in (PRODUCTS, PRODUCTS.rstrip("/")):
                response = await client.post(prefix + path, json={"name": "Lamp", "price": 1})
                assert response.headers["location"] == f"{root}{PRODUCTS}{response.json()['id']}"
            found = await client.get(f"{prefix}{PRODUCTS}{response.json()['id']}")
            assert found.json() == response.json()
            missing = await client.get(f"{prefix}{PRODUCTS}2147483647")
            assert missing.json()["instance"] == f"{root}{PRODUCTS}2147483647"
            unknown = await client.get(f"{prefix}/nowhere")
            assert (unknown.status_code, unknown.json()["instance"]) == (404, f"{root}/nowhere")
            assert (await client.delete(f"{prefix}{PRODUCTS}1")).status_code == 403

        async with client_of(app) as client:
            for page, document in (("/docs", "/docs/openapi.json"), ("/redoc", "/openapi.json")):
                assert f"{root}{document}" in (await client.get(page)).text
                assert (await client.get(document)).json()["servers"] == [{"url": root}]


class TestTrustedProxies:
    async def client_and_scheme(self, app: FastAPI, peer: str) -> tuple[str, str]:
        """Return the client and the scheme that the application sees behind the proxy ``peer``."""
        headers = {"X-Forwarded-For": "203.0.113.7, 10.0.0.1", "X-Forwarded-Proto": "https"}
        transport = httpx.ASGITransport(app, client=(peer, 1234))
        async with httpx.AsyncClient(transport=transport, base_url="http://testserver") as client:
            mirror = (await client.get("/mirror/", headers=headers)).json()
            return mirror["client"], mirror["scheme"]

    async def test_are_trusted_and_others_are_not(self, start: StartContainer, shared_url: str) -> None:
        environment = {"DATABASE__URL": shared_url, "WEB__TRUSTED_PROXIES": '["10.0.0.1", "10.1.0.0/16", "::2"]'}
        app = start(environment, modules=["tests.platform.web.mirror"]).get(FastAPI)
        for peer in ("10.0.0.1", "10.1.2.3", "::2"):
            assert await self.client_and_scheme(app, peer) == ("203.0.113.7", "https")
        for peer in ("10.0.0.2", "10.2.0.1", "::1", "203.0.113.7"):
            assert await self.client_and_scheme(app, peer) == (peer, "http")

    async def test_are_none_unless_set(self, start: StartContainer, shared_url: str) -> None:
        app = start({"DATABASE__URL": shared_url}, modules=["tests.platform.web.mirror"]).get(FastAPI)
        for peer in ("127.0.0.1", "10.0.0.1"):
            assert await self.client_and_scheme(app, peer) == (peer, "http")
