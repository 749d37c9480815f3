"""Behind a real nginx: as docs/operations.md configures it, and as a caching proxy."""

import re
import ssl
from collections.abc import AsyncIterator
from pathlib import Path

import httpx
import pytest
from fastapi import FastAPI

from ...conftest import serving
from ...databases import free_port
from ...docs.pages import text_of
from ...fixture_types import StartContainer
from ...issuer import Issuer
from ...nginx import needs_nginx, nginx
from ..mail.certificates import Authority
from .problems import assert_problem

pytestmark = [needs_nginx, pytest.mark.one_database]

[DOCUMENTED] = re.findall(r"```nginx\n(.*?)```", text_of("docs/operations.md"), re.DOTALL)

CACHE = """
proxy_cache_path {folder}/cache keys_zone=cache:1m;
server {{
  listen 127.0.0.1:{port};
  location / {{
    proxy_pass {url};
    proxy_cache cache;
    proxy_cache_valid any 10m;
    proxy_cache_revalidate on;
    add_header X-Cache $upstream_cache_status always;
  }}
}}
"""


def configured(url: str, port: int, certificate: Path) -> str:
    """Return the documented configuration, with other ports and files and the same rules."""
    text = DOCUMENTED.replace("127.0.0.1:8000", url.removeprefix("http://"))
    text = text.replace("listen 443 ssl", f"listen 127.0.0.1:{port} ssl")
    return re.sub(r"(ssl_certificate\w*) \S+;", rf"\1 {certificate};", text)


class TestDocumented:
    """TLS, a prefix that is stripped, and compression."""

    @pytest.fixture
    async def shop(
        self, start: StartContainer, shared_url: str, tmp_path: Path, tokens: dict[str, str]
    ) -> AsyncIterator[httpx.AsyncClient]:
        settings = {"WEB__ROOT_PATH": "/shop", "WEB__TRUSTED_PROXIES": '["127.0.0.1"]'}
        app = start({"DATABASE__URL": shared_url, **settings}, modules=["tests.platform.web.mirror"]).get(FastAPI)
        authority, port = Authority(tmp_path), free_port()
        authority.server_context("127.0.0.1")
        trust = ssl.create_default_context(cafile=str(authority.file))
        async with serving(app) as url:
            with nginx(configured(url, port, tmp_path / "127.0.0.1.pem"), port, tmp_path / "nginx"):
                headers = {"Authorization": f"Bearer {tokens['product-manager']}", "Accept-Encoding": "gzip"}
                base = f"https://127.0.0.1:{port}"
                async with httpx.AsyncClient(base_url=base, headers=headers, verify=trust, trust_env=False) as client:
                    yield client

    async def test_a_version_survives_compression(self, shop: httpx.AsyncClient) -> None:
        made = await shop.post("/shop/api/v1/products/", json={"name": "Lamp", "price": 1, "description": "x" * 400})
        path = made.headers["location"]
        for stock in (1, 2):
            found = await shop.get(path)
            assert found.headers["content-encoding"] == "gzip"
            assert found.headers["etag"].startswith('W/"')
            assert found.headers["cache-control"] == "private, no-cache"
            received = {"If-None-Match": found.headers["etag"]}
            assert (await shop.get(path, headers=received)).status_code == 304
            received = {"If-Match": found.headers["etag"]}
            assert (await shop.put(path, json={"stock": stock}, headers=received)).status_code == 200
            assert_problem(await shop.put(path, json={"stock": 9}, headers=received), 412, "precondition_failed")

    async def test_answers_have_the_prefix(self, shop: httpx.AsyncClient) -> None:
        made = await shop.post("/shop/api/v1/products/", json={"name": "Lamp", "price": 1})
        assert made.headers["location"].startswith("/shop/api/v1/products/")
        assert (await shop.get(made.headers["location"])).json() == made.json()
        page = await shop.get("/shop/api/v1/products/paged?page_size=1")
        assert "</shop/api/v1/products/paged?" in page.headers["link"]
        mirror = (await shop.get("/shop/mirror/")).json()
        assert (mirror["scheme"], mirror["client"]) == ("https", "127.0.0.1")

    async def test_a_long_list_arrives_whole(self, shop: httpx.AsyncClient) -> None:
        for number in range(30):
            await shop.post("/shop/api/v1/products/", json={"name": f"Lamp {number}", "price": 1})
        assert len((await shop.get("/shop/api/v1/products/")).json()) >= 30


class TestCache:
    """A shared cache that would keep everything for ten minutes shows nobody's answer to another caller."""

    async def test_keeps_no_answer_of_a_caller(self, app: FastAPI, issuer: Issuer, tmp_path: Path) -> None:
        port = free_port()
        async with serving(app) as url, httpx.AsyncClient(base_url=f"http://127.0.0.1:{port}", trust_env=False) as all:
            with nginx(CACHE.format(folder=tmp_path, port=port, url=url), port, tmp_path / "nginx"):
                callers = [{"Authorization": f"Bearer {issuer.token('viewer', sub=sub)}"} for sub in ("ann", "bob")]
                for _ in range(3):
                    for headers, subject in zip(callers, ("ann", "bob"), strict=True):
                        response = await all.get("/api/v1/me", headers=headers)
                        assert (response.status_code, response.json()["subject"]) == (200, subject)
                        for path in ("products/", "products/paged", "reports/", "products/search?q=lamp"):
                            response = await all.get(f"/api/v1/{path}", headers=headers)
                            assert (response.status_code, response.headers["x-cache"]) == (200, "MISS")
                    assert_problem(await all.get("/api/v1/me"), 401, "missing_token")
                for path in ("/api/v1/health", "/api/v1/health/ready", "/nowhere"):
                    for _ in range(2):
                        assert (await all.get(path)).headers["x-cache"] == "MISS"
                for expected in ("MISS", "HIT"):
                    assert (await all.get("/docs/swagger-ui.css")).headers["x-cache"] == expected
