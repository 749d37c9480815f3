"""Bodies that are too large, have the wrong media type, or are not JSON."""

import gzip
import re
import zlib
from collections.abc import AsyncIterator
from typing import Any

import httpx
import pytest
from fastapi import FastAPI

from ...conftest import client_of, serving
from ...fixture_types import StartContainer
from ...issuer import Issuer
from .problems import assert_problem

pytestmark = pytest.mark.one_database

PRODUCTS = "/api/v1/products/"
JSON = {"Content-Type": "application/json"}
LIMIT = 2**20
NOBODY = "00000000-0000-4000-8000-000000000000"
LAMP = b'{"name": "Lamp", "price": 1}'


async def chunks(size: int, count: int) -> AsyncIterator[bytes]:
    for _ in range(count):
        yield b" " * size


class TestSize:
    @pytest.mark.parametrize(
        ("method", "path"), [("POST", ""), ("PUT", "1"), ("PATCH", "1/deactivate"), ("DELETE", "1")]
    )
    async def test_refuses_a_content_length_that_is_too_large(
        self, app: FastAPI, issuer: Issuer, method: str, path: str
    ) -> None:
        async def unread() -> AsyncIterator[bytes]:
            raise AssertionError("the body was read")
            yield b""

        async with client_of(app, issuer.token(roles=["admin", "product-manager"])) as client:
            for length in (str(LIMIT + 1), "9" * 18, "9" * 5000):
                headers = JSON | {"Content-Length": length}
                response = await client.request(method, PRODUCTS + path, content=unread(), headers=headers)
                assert_problem(response, 413, "body_too_large")

    async def test_refuses_chunks_that_grow_too_large(self, manager: httpx.AsyncClient) -> None:
        response = await manager.post(PRODUCTS, content=chunks(2**16, 17), headers=JSON)
        problem = assert_problem(response, 413, "body_too_large")
        assert str(LIMIT) in problem["detail"]

    async def test_accepts_a_body_of_exactly_the_limit(self, manager: httpx.AsyncClient) -> None:
        body = LAMP.ljust(LIMIT)
        assert (await manager.post(PRODUCTS, content=body, headers=JSON)).status_code == 201

        async def in_chunks() -> AsyncIterator[bytes]:
            yield body[:1000]
            yield body[1000:]

        assert (await manager.post(PRODUCTS, content=in_chunks(), headers=JSON)).status_code == 201

    async def test_has_a_limit_by_setting(self, start: StartContainer, shared_url: str, tokens: dict[str, str]) -> None:
        app = start({"DATABASE__URL": shared_url, "WEB__MAX_BODY_BYTES": str(len(LAMP))}).get(FastAPI)
        async with client_of(app, tokens["product-manager"]) as client:
            assert (await client.post(PRODUCTS, content=LAMP, headers=JSON)).status_code == 201
            response = await client.post(PRODUCTS, content=LAMP + b" ", headers=JSON)
            assert_problem(response, 413, "body_too_large")

    async def test_refusal_is_a_complete_answer_over_a_socket(self, app: FastAPI, tokens: dict[str, str]) -> None:
        headers = JSON | {"Authorization": f"Bearer {tokens['product-manager']}"}
        async with serving(app) as url, httpx.AsyncClient(headers=headers, trust_env=False) as client:
            for content in (b" " * 10_000_000, chunks(2**16, 160)):
                response = await client.post(url + PRODUCTS, content=content)
                assert_problem(response, 413, "body_too_large")
            assert (await client.post(url + PRODUCTS, content=LAMP)).status_code == 201


class TestJson:
    @pytest.mark.parametrize(
        "body",
        [
            b"{",
            b'{"name": "Lamp", "price": 1',
            b'{"name": "Lamp", "price": 1} x',
            b'{"name": "Lamp", "price": 1}{}',
            b"{'name': 'Lamp'}",
            b'{"name": "Lamp", "price": 01}',
            b'{"name": "Lamp", "price": +1}',
            b'{"name": "Lamp", "price": .5}',
            b'{"name": "Lamp", "price": 1,}',
            b'{"name": "La\nmp", "price": 1}',
            b'{"name": "\\x41", "price": 1}',
            b'{"name": "\xff\xfe", "price": 1}',
            b'{"name": "La\xedmp", "price": 1}',
            b"\x00",
            b"\xff",
            b"name=Lamp&price=1",
        ],
    )
    async def test_refuses_a_body_that_is_not_json(self, manager: httpx.AsyncClient, body: bytes) -> None:
        problem = assert_problem(await manager.post(PRODUCTS, content=body, headers=JSON), 400, "malformed_body")
        assert "Lamp" not in str(problem)

    @pytest.mark.parametrize(
        "body",
        [
            b"[" * 100_000,
            b"[" * 100_000 + b"]" * 100_000,
            b'{"a":' * 100_000,
            b'{"a":' * 100_000 + b"1" + b"}" * 100_000,
            b'{"name": "Lamp", "price": ' + b"[" * 50_000 + b"]" * 50_000 + b"}",
            b'{"name": "Lamp", "price": ' + b"9" * 5000 + b"}",
            b'{"name": "Lamp", "price": -' + b"9" * 500_000 + b"}",
            b'{"name": "Lamp", "price": 1e' + b"9" * 5000 + b"}",
            b'{"name": "Lamp", "price": 1, "stock": ' + b"9" * 5000 + b"}",
            b'{"name": "' + b"x" * 1_000_000 + b'", "price": 1}',
            b'{"name": "' + b"\\u0000" * 150_000 + b'", "price": 1}',
            b"{" + b",".join(b'"%d": 1' % number for number in range(60_000)) + b"}",
            b"[" + b",".join([b"{}"] * 300_000) + b"]",
        ],
        ids=lambda body: f"{body[:28].decode()}...{len(body)}",
    )
    async def test_survives_deep_or_huge_json(self, manager: httpx.AsyncClient, body: bytes) -> None:
        response = await manager.post(PRODUCTS, content=body, headers=JSON)
        code = {400: "malformed_body", 422: "validation_failed"}[response.status_code]
        assert_problem(response, response.status_code, code)
        assert len(response.content) < 5000

    @pytest.mark.parametrize(
        "content_type", ["application/json", "APPLICATION/JSON", "application/json; charset=utf-8"]
    )
    async def test_accepts_the_media_type_of_json(self, manager: httpx.AsyncClient, content_type: str) -> None:
        response = await manager.post(PRODUCTS, content=LAMP, headers={"Content-Type": content_type})
        assert response.status_code == 201

    @pytest.mark.parametrize(
        "content_type",
        [
            None,
            "",
            "text/plain",
            "text/json",
            "application/xml",
            "application/x-www-form-urlencoded",
            "multipart/form-data; boundary=x",
            "application/jsonp",
            "garbage",
            "application",
            "*/*",
        ],
    )
    async def test_refuses_another_media_type(self, manager: httpx.AsyncClient, content_type: str | None) -> None:
        headers = {} if content_type is None else {"Content-Type": content_type}
        response = await manager.post(PRODUCTS, content=LAMP, headers=headers)
        assert_problem(response, 415, "unsupported_media_type")
        assert response.headers["accept"] == "application/json"
        assert "accept-encoding" not in response.headers
        assert (await manager.get(PRODUCTS)).json() == []


class TestEncoding:
    @pytest.mark.parametrize(
        "coding", ["gzip", "GZIP", "x-gzip", "br", "zstd", "deflate", "compress", "identity, gzip", "x"]
    )
    async def test_of_a_body_is_refused(self, manager: httpx.AsyncClient, coding: str) -> None:
        for content in (gzip.compress(LAMP), zlib.compress(LAMP), LAMP, chunks(10, 2)):
            response = await manager.post(PRODUCTS, content=content, headers=JSON | {"Content-Encoding": coding})
            assert_problem(response, 415, "unsupported_encoding")
            assert response.headers["accept-encoding"] == "identity"
            assert "accept" not in response.headers

    async def test_is_refused_in_any_of_several_headers(self, manager: httpx.AsyncClient) -> None:
        headers = [("Content-Type", "application/json"), ("Content-Encoding", "identity"), ("Content-Encoding", "gzip")]
        assert_problem(await manager.post(PRODUCTS, content=LAMP, headers=headers), 415, "unsupported_encoding")

    @pytest.mark.parametrize("coding", ["identity", "Identity", "identity, identity", "", "utf-8", "UTF-8"])
    async def test_that_changes_nothing_is_accepted(self, manager: httpx.AsyncClient, coding: str) -> None:
        headers = JSON | {"Content-Encoding": coding}
        assert (await manager.post(PRODUCTS, content=LAMP, headers=headers)).status_code == 201

    async def test_is_refused_by_every_route_that_takes_a_body(
        self, app: FastAPI, issuer: Issuer, subtests: pytest.Subtests
    ) -> None:
        async with client_of(app, issuer.token(roles=["admin", "product-manager"])) as client:
            client.headers.update(JSON | {"Content-Encoding": "gzip"})
            for path, item in app.openapi()["paths"].items():
                for method, operation in item.items():
                    with subtests.test(f"{method} {path}"):
                        numbered = path.replace("{product_id}", "7").replace("{event_id}", "7")
                        response = await client.request(method, re.sub(r"{\w+}", NOBODY, numbered), content=b"x")
                        if "requestBody" in operation:
                            assert_problem(response, 415, "unsupported_encoding")
                        else:
                            assert response.status_code != 415

    async def test_needs_permission_first(self, viewer: httpx.AsyncClient, anonymous: httpx.AsyncClient) -> None:
        request: dict[str, Any] = {"content": b"x", "headers": JSON | {"Content-Encoding": "gzip"}}
        assert_problem(await anonymous.post(PRODUCTS, **request), 401, "missing_token")
        assert_problem(await viewer.post(PRODUCTS, **request), 403, "insufficient_scope")

    async def test_without_a_body_means_nothing(self, admin: httpx.AsyncClient) -> None:
        path = "/api/v1/admin/events/2147483647/redeliver"
        response = await admin.post(path, headers={"Content-Encoding": "gzip"})
        assert_problem(response, 404, "not_found")
