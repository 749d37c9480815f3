"""Refusals below ASGI. The tests use a socket, because no HTTP client would send such requests."""

import asyncio
import json
import re
from collections.abc import Iterable, Iterator
from contextlib import suppress
from typing import Any

import pytest
import uvicorn
from fastapi import FastAPI
from hypothesis import given
from hypothesis import strategies as st
from starlette.types import Receive, Scope, Send
from uvicorn.server import ServerState

from myapp.platform.web.protocol import MAX_HEADER_BYTES, MAX_TARGET_BYTES, BoundedHttpToolsProtocol

from ...conftest import serving

pytestmark = pytest.mark.one_database

CREATE = (
    "POST /api/v1/products/ HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nTransfer-Encoding: chunked\r\n"
    '\r\n1e\r\n{"name": "Trailed", "price":1}\r\n0\r\n'
)


async def exchange(url: str, *parts: bytes, pause: float = 0) -> tuple[int, dict[str, Any]]:
    """Send ``parts``, until the server closes the connection. Return status and document of the first answer."""
    host, _, port = url.removeprefix("http://").partition(":")
    reader, writer = await asyncio.open_connection(host, int(port))
    try:
        for part in parts:
            try:
                writer.write(part)
                await writer.drain()
                await asyncio.sleep(pause)
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


class Pipe(asyncio.Transport):
    """A transport whose reads are exactly the parts that a test gives. A socket may join or split them."""

    def __init__(self) -> None:
        super().__init__()
        self.sent = bytearray()
        self.closed = False
        self.protocol: asyncio.Protocol | None = None

    def get_extra_info(self, name: str, default: Any = None) -> Any:
        return default

    def write(self, data: bytes | bytearray | memoryview) -> None:
        if not self.closed:
            self.sent += data

    def close(self) -> None:
        if not self.closed and self.protocol:
            asyncio.get_running_loop().call_soon(self.protocol.connection_lost, None)
        self.closed = True

    def is_closing(self) -> bool:
        return self.closed

    def can_write_eof(self) -> bool:
        return False

    def pause_reading(self) -> None: ...

    def resume_reading(self) -> None: ...


async def answer_ok(scope: Scope, receive: Receive, send: Send) -> None:
    if scope["type"] == "http":
        while (await receive()).get("more_body"):
            pass
        await asyncio.sleep(0)  # later requests of the connection arrive before the answer
        await send({"type": "http.response.start", "status": 200, "headers": [(b"content-length", b"0")]})
        await send({"type": "http.response.body", "body": b""})


async def statuses(parts: Iterable[bytes], pauses: int = 0) -> list[int]:
    """Return the statuses of the answers to ``parts``, each of which is one read. With pauses, answers come early."""
    pipe = Pipe()
    config = uvicorn.Config(answer_ok, http=BoundedHttpToolsProtocol, log_config=None, ws="none", lifespan="off")
    protocol = BoundedHttpToolsProtocol(config, ServerState(), {}, asyncio.get_running_loop())
    pipe.protocol = protocol
    protocol.connection_made(pipe)
    for part in parts:
        if not pipe.closed:
            protocol.data_received(part)
            for _ in range(pauses):
                await asyncio.sleep(0)
    while protocol.tasks:
        await asyncio.wait(protocol.tasks)
    pipe.close()
    await asyncio.sleep(0)
    return [int(status) for status in re.findall(rb"HTTP/1.1 (\d+) ", pipe.sent)]


def cut(stream: bytes, places: Iterable[int]) -> Iterator[bytes]:
    begin = 0
    for end in [*sorted({place % len(stream) for place in places}), len(stream)]:
        if end > begin:
            yield stream[begin:end]
            begin = end


def head(size: int, first: bytes = b"GET / HTTP/1.1", more: bytes = b"") -> bytes:
    """Return a head of exactly ``size`` bytes."""
    begin = first + b"\r\nHost: x\r\n" + more
    lines, rest = divmod(size - len(begin) - len(b"X-Last: \r\n\r\n"), 1000)
    return begin + (b"X-Line: " + b"a" * 990 + b"\r\n") * lines + b"X-Last: " + b"a" * rest + b"\r\n\r\n"


CHUNKED = b"Transfer-Encoding: chunked\r\n"
POST = b"POST / HTTP/1.1"
BODY = b"5\r\n\r\n\r\n.\r\n0\r\n"
SMALL, LARGEST, TOO_LARGE = head(60), head(MAX_HEADER_BYTES), head(MAX_HEADER_BYTES + 1)
PADDED = b"GET / HTTP/1.1\r\nHost: x\r\nX-Blank:" + b" " * MAX_HEADER_BYTES + b"a\r\n\r\n"
LONG_TARGET = head(20_000, b"GET /" + b"a" * (MAX_TARGET_BYTES - 1) + b" HTTP/1.1")
TOO_LONG_TARGET = head(20_000, b"GET /" + b"a" * MAX_TARGET_BYTES + b" HTTP/1.1")
WITH_BODY = head(200, POST, b"Content-Length: 8\r\n") + b"\r\n\r\n\r\n.."
IN_CHUNKS = head(200, POST, CHUNKED) + BODY
UPGRADE = b"%s / HTTP/1.1\r\nHost: x\r\nConnection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\nHTTP2-Settings: A\r\n"
STREAMS = {
    "small": (SMALL, [200]),
    "largest": (LARGEST, [200]),
    "too large": (TOO_LARGE, [431]),
    "much too large": (head(45_000), [431]),
    "padded": (PADDED, [431]),
    "one header": (b"GET / HTTP/1.1\r\nHost: x\r\nX: " + b"a" * MAX_HEADER_BYTES + b"\r\n\r\n", [431]),
    "no end": (b"GET / HTTP/1.1\r\nHost: x\r\nX: " + b"a" * MAX_HEADER_BYTES, [431]),
    "long target": (LONG_TARGET, [200]),
    "too long target": (TOO_LONG_TARGET, [414]),
    "much too long target": (b"GET /" + b"a" * 100_000 + b" HTTP/1.1\r\nHost: x\r\n\r\n", [414]),
    "pipelined": (SMALL + LARGEST + SMALL + LARGEST, [200] * 4),
    "second too large": (SMALL + TOO_LARGE + SMALL, [200, 431]),
    "third too large": (LARGEST + SMALL + head(45_000), [200, 200, 431]),
    "second has a too long target": (SMALL + TOO_LONG_TARGET, [200, 414]),
    "second malformed": (SMALL + b"GET\r\n\r\n", [200, 400]),
    "after a body": (WITH_BODY + LARGEST, [200, 200]),
    "too large after a body": (WITH_BODY + head(45_000), [200, 431]),
    "after chunks": (IN_CHUNKS + b"\r\n" + LARGEST, [200, 200]),
    "too large after chunks": (IN_CHUNKS + b"\r\n" + head(45_000), [200, 431]),
    "largest and a body": (head(MAX_HEADER_BYTES, POST, b"Content-Length: 50000\r\n") + b"a" * 50_000, [200]),
    "large trailers": (IN_CHUNKS + (b"X-Line: " + b"a" * 990 + b"\r\n") * 32 + b"\r\n", [200]),
    "too large trailers": (IN_CHUNKS + (b"X-Line: " + b"a" * 990 + b"\r\n") * 45 + b"\r\n", [431]),
    "second has too large trailers": (
        SMALL + IN_CHUNKS + (b"X-Line: " + b"a" * 990 + b"\r\n") * 45 + b"\r\n" + SMALL,
        [200, 431],
    ),
    "bad chunk": (head(200, POST, CHUNKED) + b"5\r\n.....\r\nzz\r\n", [400]),
    "blank lines first": (b"\r\n\r\n" + SMALL, [200]),
    "upgrade": (UPGRADE % b"GET" + b"\r\n" + SMALL, [200, 200]),
    "upgrade and a body": (UPGRADE % b"POST" + b"Content-Length: 3\r\n\r\nabc" + SMALL, [200, 200]),
    "last of the connection": (b"GET / HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n" + SMALL, [200]),
    "HTTP/1.0": (b"GET / HTTP/1.0\r\n\r\n", [200]),
    "only blank lines": (b"\r\n" * 20_000, [431]),
}


class TestHowBytesArrive:
    """The answers to a stream of bytes do not depend on the reads in which it arrives."""

    @pytest.mark.parametrize("name", STREAMS)
    async def test_makes_no_difference(self, name: str) -> None:
        stream, expected = STREAMS[name]
        assert await statuses([stream]) == expected
        sizes = (1, 2, 3, 7, 1000, 4096, 32_767, 32_768, 32_769)
        for size in sizes[0 if len(stream) < 5000 else 4 :]:
            assert await statuses(cut(stream, range(0, len(stream), size))) == expected, size
            assert await statuses(cut(stream, range(0, len(stream), size)), pauses=4) == expected, size
        for place in {1, 3, 4, len(SMALL), *range(len(stream) - 6, len(stream)), *range(0, len(stream), 4999)}:
            assert await statuses(cut(stream, [place])) == expected, place

    @given(places=st.lists(st.integers(0, 10**6), max_size=12), name=st.sampled_from(sorted(STREAMS)))
    async def test_makes_no_difference_wherever_it_is_cut(self, places: list[int], name: str) -> None:
        stream, expected = STREAMS[name]
        assert await statuses(cut(stream, places), pauses=len(places) % 5) == expected

    @pytest.mark.parametrize("pause", [0, 0.05])
    async def test_of_a_body_after_an_offer_to_upgrade(
        self, app: FastAPI, tokens: dict[str, str], pause: float
    ) -> None:
        """As Java's HttpClient sends it."""
        body = b'{"name": "Lamp", "price": 0}'
        fields = f"Authorization: Bearer {tokens['product-manager']}\r\nContent-Type: application/json\r\n"
        offer = UPGRADE.replace(b"%s /", b"POST /api/v1/products/")
        head = offer + f"{fields}Content-Length: {len(body)}\r\n\r\n".encode()
        async with serving(app) as url:
            parts = [head, body] if pause else [head + body]
            status, problem = await exchange(url, *parts, pause=pause)
        assert (status, problem["errors"][0]["pointer"]) == (422, "#/price")

    async def test_makes_no_difference_over_a_socket(self, app: FastAPI) -> None:
        request = head(45_000, b"GET /api/v1/health HTTP/1.1")
        async with serving(app) as url:
            for count in (1, 2, 5, 9):
                step = len(request) // count + 1
                parts = [request[start : start + step] for start in range(0, len(request), step)]
                status, problem = await exchange(url, *parts, pause=0.01)
                assert (status, problem["code"]) == (431, "headers_too_large")
