"""The documentation: public, whole, and without a request to anybody else."""

import json
import re
from collections.abc import AsyncIterator
from html.parser import HTMLParser
from urllib.parse import urljoin, urlsplit

import httpx
import pytest
from fastapi import FastAPI
from openapi_spec_validator import validate

from ...conftest import StartContainer, client_of
from ...issuer import Issuer
from .problems import assert_problem

pytestmark = pytest.mark.one_database

PAGES = ["/docs", "/redoc"]


class Links(HTMLParser):
    """What a page makes a browser fetch."""

    def __init__(self) -> None:
        super().__init__()
        self.found: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.found += [value for name, value in attrs if name in ("src", "href") and value]


@pytest.mark.parametrize("page", PAGES)
class TestPages:
    async def test_are_public(self, anonymous: httpx.AsyncClient, page: str) -> None:
        response = await anonymous.get(page)
        assert response.status_code == 200
        assert response.headers["content-type"].startswith("text/html")
        assert "Products API" in response.text
        assert "/openapi.json" in response.text

    async def test_name_no_other_host(self, anonymous: httpx.AsyncClient, page: str) -> None:
        text = (await anonymous.get(page)).text
        assert not re.findall(r"(?:https?:)?//[\w.-]+\.\w+", text)

    async def test_have_everything_they_ask_for(self, anonymous: httpx.AsyncClient, page: str) -> None:
        links = Links()
        links.feed((await anonymous.get(page)).text)
        assert any(link.endswith(".js") for link in links.found)
        for link in links.found:
            url = urljoin(f"http://testserver{page}", link)
            if urlsplit(url).scheme == "data":
                continue
            response = await anonymous.get(url)
            assert response.status_code == 200, link
            assert len(response.content) > 100

    async def test_let_a_browser_ask_nobody_else(self, anonymous: httpx.AsyncClient, page: str) -> None:
        policy = (await anonymous.get(page)).headers["content-security-policy"]
        rules = dict(rule.strip().split(" ", 1) for rule in policy.split(";"))
        assert rules["default-src"] == "'self'"
        assert not re.search(r"https?:|\*", policy)


class TestLogin:
    """What the issuer's discovery document makes of it: ``tests/platform/auth/test_docs_login.py``."""

    @pytest.fixture
    async def page(
        self, start: StartContainer, shared_url: str, own_issuer: Issuer
    ) -> AsyncIterator[httpx.AsyncClient]:
        endpoints = {name: f"{own_issuer.url}/{name}" for name in ("token_endpoint", "authorization_endpoint")}
        own_issuer.body = json.dumps({"issuer": own_issuer.url, **endpoints}).encode()
        settings = {"AUTH_CLIENT__ISSUER": own_issuer.url, "DOCS__CLIENT_ID": "</script>docs"}
        app = start({"DATABASE__URL": shared_url, **settings}).get(FastAPI)
        async with client_of(app, base_url="http://127.0.0.1:8000") as client:
            yield client

    async def test_swagger_ui_is_told_the_flow_and_may_ask_the_issuer(
        self, page: httpx.AsyncClient, own_issuer: Issuer
    ) -> None:
        shown = await page.get("/docs")
        policy = shown.headers["content-security-policy"]
        assert policy.endswith(f"; connect-src 'self' {own_issuer.url}")
        assert "\\u003c/script>docs" in shown.text
        document = (await page.get("/docs/openapi.json")).json()
        validate(document)
        schemes = document["components"]["securitySchemes"]
        assert list(schemes) == ["login", "bearer"]
        assert list(schemes["login"]["flows"]) == ["authorizationCode"]
        assert document["paths"]["/api/v1/me"]["get"]["security"] == [{"bearer": []}, {"login": []}]

    async def test_a_page_of_another_host_may_not_log_in_at_an_issuer_on_loopback(
        self, page: httpx.AsyncClient, own_issuer: Issuer
    ) -> None:
        host = {"Host": "products.example"}
        assert own_issuer.url not in (await page.get("/docs", headers=host)).headers["content-security-policy"]
        document = (await page.get("/docs/openapi.json", headers=host)).json()
        assert list(document["components"]["securitySchemes"]) == ["bearer"]

    async def test_other_pages_may_not(self, page: httpx.AsyncClient, own_issuer: Issuer) -> None:
        for path in ("/redoc", "/docs/oauth2-redirect"):
            assert own_issuer.url not in (await page.get(path)).headers["content-security-policy"]

    async def test_the_published_document_depends_on_settings_only(
        self, page: httpx.AsyncClient, own_issuer: Issuer
    ) -> None:
        own_issuer.stop()
        schemes = (await page.get("/openapi.json")).json()["components"]["securitySchemes"]
        assert schemes["login"]["type"] == "openIdConnect"
        assert schemes["login"]["openIdConnectUrl"] == f"{own_issuer.url}/.well-known/openid-configuration"

    async def test_without_the_issuer_a_token_can_be_pasted(self, page: httpx.AsyncClient, own_issuer: Issuer) -> None:
        own_issuer.stop()
        assert (await page.get("/docs")).status_code == 200
        document = (await page.get("/docs/openapi.json")).json()
        validate(document)
        assert list(document["components"]["securitySchemes"]) == ["bearer"]
        assert document["paths"]["/api/v1/me"]["get"]["security"] == [{"bearer": []}]

    async def test_the_page_to_come_back_to_is_public(self, page: httpx.AsyncClient) -> None:
        response = await page.get("/docs/oauth2-redirect?code=a&state=b")
        assert response.status_code == 200
        assert "swaggerUIRedirectOauth2" in response.text


class TestAssets:
    async def test_may_be_kept(self, anonymous: httpx.AsyncClient) -> None:
        response = await anonymous.get("/docs/swagger-ui.css")
        assert "max-age" in response.headers["cache-control"]
        assert response.headers["content-type"].startswith("text/css")

    @pytest.mark.parametrize("asked", ["bytes=0-9", "bytes=9-0", "bytes=99999999-", "bytes=x", "lines=1", ""])
    async def test_are_sent_whole(self, anonymous: httpx.AsyncClient, asked: str) -> None:
        whole = await anonymous.get("/docs/swagger-ui.css")
        response = await anonymous.get("/docs/swagger-ui.css", headers={"Range": asked})
        assert (response.status_code, response.content) == (200, whole.content)
        assert response.headers["accept-ranges"] == "none"

    @pytest.mark.parametrize("path", ["/docs/../main.py", "/docs/%2e%2e/main.py", "/docs/nothing.js", "/docs/x/y"])
    async def test_are_all_there_is(self, viewer: httpx.AsyncClient, path: str) -> None:
        assert_problem(await viewer.get(path), 404, "route_not_found")
