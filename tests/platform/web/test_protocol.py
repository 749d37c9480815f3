"""Refusals below ASGI. The tests use a socket, because no HTTP client would send such requests."""

import asyncio
import json
from contextlib import suppress
from typing import Any

import pytest
from fastapi import FastAPI

from myapp.platform.web.protocol import MAX_HEADER_BYTES

from ...conftest import serving

pytestmark = pytest.mark.one_database

CREATE = (
    "POST /api/v1/products/ HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nTransfer-Encoding: chunked\r\n"
    '\r\n1e\r\n{"name": "Trailed", "price":1}\r\n0\r\n'
)


async def exchange(url: str, *parts: bytes) -> tuple[int, dict[str, Any]]:
    """Send ``parts``, until the server closes the connection. Return status and document of the first answer."""
    host, _, port = url.removeprefix("http://").partition(":")
    reader, writer = await asyncio.open_connection(host, int(port))
    try:
        for part in parts:
            writer.write(part)
            try:
                await writer.drain()
            except ConnectionError:
                break
        async with asyncio.timeout(5):
            head = await reader.readuntil(b"\r\n\r\n")
            fields = dict(line.split(": ", 1) for line in head.decode().split("\r\n")[1:] if line)
            body = await reader.readexactly(int(fields["content-length"]))
        return int(head.split()[1]), json.loads(body)
    finally:
        writer.close()


async def flood(url: str, beginning: bytes, part: bytes) -> int:
    """Return how often ``part`` could be sent before the server closed the connection; 5000 means that it never did."""
    host, _, port = url.removeprefix("http://").partition(":")
    _, writer = await asyncio.open_connection(host, int(port))
    sent = 0
    with suppress(ConnectionError):
        writer.write(beginning)
        for sent in range(5001):  # noqa: B007
            writer.write(part)
            await writer.drain()
    writer.close()
    return sent


class TestHeaders:
    @pytest.mark.parametrize("part", [b"x", b"a: b\r\n", b"a:\r\n"], ids=["one", "many", "empty"])
    async def test_too_large_are_refused(self, app: FastAPI, part: bytes) -> None:
        too_much = part * (MAX_HEADER_BYTES // len(part) + 1)
        async with serving(app) as url:
            status, problem = await exchange(url, b"GET /api/v1/health HTTP/1.1\r\nHost: x\r\nX-Long: " + too_much)
        assert status == 431
        assert problem["code"] == "headers_too_large"

    async def test_of_a_usual_size_are_accepted(self, app: FastAPI) -> None:
        async with serving(app) as url:
            long = b"X-Long: " + b"x" * 16_000
            status, _ = await exchange(url, b"GET /api/v1/health HTTP/1.1\r\nHost: x\r\n" + long + b"\r\n\r\n")
        assert status == 200

    async def test_a_trailer_is_not_a_header(self, app: FastAPI, tokens: dict[str, str]) -> None:
        async with serving(app) as url:
            trailer = f"Authorization: Bearer {tokens['product-manager']}\r\n\r\n"
            status, problem = await exchange(url, (CREATE + trailer).encode())
        assert status == 401
        assert problem["code"] == "missing_token"

    async def test_endless_trailers_close_the_connection(self, app: FastAPI) -> None:
        request = b"GET /api/v1/health HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n"
        async with serving(app) as url:
            sent = await flood(url, request, b"x: y\r\n" * 1024)
        assert sent < 5000

    async def test_endless_headers_close_the_connection(self, app: FastAPI) -> None:
        async with serving(app) as url:
            sent = await flood(url, b"GET /api/v1/health HTTP/1.1\r\nHost: x\r\nX-Long: ", b"x" * 8192)
        assert sent < 5000


class TestMalformedHttp:
    @pytest.mark.parametrize(
        "data", [b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03", b"GET\r\n\r\n", b"hello\r\n\r\n"]
    )
    async def test_is_answered_with_a_problem(self, app: FastAPI, data: bytes) -> None:
        async with serving(app) as url:
            status, problem = await exchange(url, data)
        assert status == 400
        assert problem["code"] == "malformed_request"
        assert problem["request_id"]

    async def test_a_body_may_be_larger_than_headers(self, app: FastAPI, tokens: dict[str, str]) -> None:
        body = json.dumps({"name": "Large", "price": 1, "description": "x" * 100_000}).encode()
        head = (
            f"POST /api/v1/products/ HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n"
            f"Authorization: Bearer {tokens['product-manager']}\r\nContent-Length: {len(body)}\r\n\r\n"
        ).encode()
        async with serving(app) as url:
            status, problem = await exchange(
                url, head, *(body[start : start + 10_000] for start in range(0, len(body), 10_000))
            )
        assert status == 422
        assert problem["errors"][0]["pointer"] == "#/description"
