"""The documentation: public, whole, and without a request to anybody else."""

import re
from html.parser import HTMLParser
from urllib.parse import urljoin, urlsplit

import httpx
import pytest

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


class TestAssets:
    async def test_may_be_kept(self, anonymous: httpx.AsyncClient) -> None:
        response = await anonymous.get("/docs/swagger-ui.css")
        assert "max-age" in response.headers["cache-control"]
        assert response.headers["content-type"].startswith("text/css")

    @pytest.mark.parametrize("path", ["/docs/../main.py", "/docs/%2e%2e/main.py", "/docs/nothing.js", "/docs/x/y"])
    async def test_are_all_there_is(self, viewer: httpx.AsyncClient, path: str) -> None:
        assert_problem(await viewer.get(path), 404, "route_not_found")
