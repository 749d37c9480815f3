"""The request id of every answer, and its log line."""

import asyncio
import json
import logging
import re
import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx
import pytest
from fastapi import FastAPI
from starlette.types import Message, Receive, Scope, Send

from myapp.platform.web.application import ProductsApp
from myapp.platform.web.requests import FailureMiddleware, RequestMiddleware

from ...conftest import client_of, serving
from ...fixture_types import StartContainer
from ...issuer import Issuer
from .problems import assert_problem

pytestmark = pytest.mark.one_database

PRODUCTS = "/api/v1/products/"
HEALTH = "/api/v1/health"
JSON = {"Content-Type": "application/json"}


class TestRequestId:
    @pytest.mark.parametrize("given", ["abc", "a" * 128, "0b0e5f4e-8c9d-4f7a-9d0f-000000000000", "A.b_c~d-9"])
    async def test_is_that_of_the_client(self, anonymous: httpx.AsyncClient, given: str) -> None:
        response = await anonymous.get(HEALTH, headers={"X-Request-ID": given})
        assert response.headers.get_list("x-request-id") == [given]
        response = await anonymous.get(PRODUCTS, headers={"x-request-id": given})
        assert assert_problem(response, 401, "missing_token")["request_id"] == given

    @pytest.mark.parametrize(
        "given", ["", " ", "a b", "a" * 129, "a\tb", 'a"b', "a,b", "<script>", "\u00e9", "a;b", "{}", "%0a", "a/b"]
    )
    async def test_is_a_new_one_if_that_of_the_client_is_not_valid(
        self, anonymous: httpx.AsyncClient, given: str
    ) -> None:
        response = await anonymous.get(HEALTH, headers={b"X-Request-ID": given.encode()})
        assert re.fullmatch("[0-9a-f]{32}", response.headers["x-request-id"])

    async def test_differs_from_request_to_request(self, anonymous: httpx.AsyncClient) -> None:
        responses = await asyncio.gather(*(anonymous.get(HEALTH) for _ in range(20)))
        assert len({response.headers["x-request-id"] for response in responses}) == 20

    async def test_stays_with_its_request(self, viewer: httpx.AsyncClient, caplog: pytest.LogCaptureFixture) -> None:
        """In the header and in the problem, even with concurrent requests."""
        ids = [f"request-{number}" for number in range(20)]
        responses = await asyncio.gather(*(viewer.get(PRODUCTS + "0", headers={"X-Request-ID": id}) for id in ids))
        assert [assert_problem(response, 404, "not_found")["request_id"] for response in responses] == ids


class TestFailure:
    """The last resort: an error in a layer around which only ``RequestMiddleware`` is."""

    async def test_is_answered(self) -> None:
        async def broken(_scope: Scope, _receive: Receive, _send: Send) -> None:
            raise RuntimeError("a secret")

        transport = httpx.ASGITransport(RequestMiddleware(broken, ProductsApp()))
        async with httpx.AsyncClient(transport=transport, base_url="http://testserver") as client:
            problem = assert_problem(await client.get("/"), 500, "internal_error")
        assert "secret" not in str(problem)

    async def test_is_raised_outside_of_a_request(self) -> None:
        async def broken(_scope: Scope, _receive: Receive, _send: Send) -> None:
            raise RuntimeError("at start")

        async def nothing(*_: Message) -> Message:
            return {}

        with pytest.raises(RuntimeError, match="at start"):
            await RequestMiddleware(FailureMiddleware(broken), ProductsApp())({"type": "lifespan"}, nothing, nothing)

    async def test_closes_every_websocket(self, app: FastAPI) -> None:
        sent: list[Message] = []

        async def receive() -> Message:
            return {"type": "websocket.connect"}

        async def send(message: Message) -> None:
            sent.append(message)

        scope = {"type": "websocket", "path": PRODUCTS, "headers": [], "query_string": b"", "subprotocols": []}
        await app(scope, receive, send)
        assert [message["type"] for message in sent] == ["websocket.close"]


class TestLog:
    """One line for each request."""

    @pytest.fixture
    def lines(self, caplog: pytest.LogCaptureFixture) -> Callable[[], list[logging.LogRecord]]:
        caplog.set_level(logging.INFO)
        caplog.clear()
        return lambda: [record for record in caplog.records if record.name == "myapp.requests"]

    @pytest.mark.parametrize(
        ("method", "path", "status", "route"),
        [
            ("GET", "/api/v1/products/", 200, "/api/v1/products/"),
            ("GET", "/api/v1/products", 200, "/api/v1/products/"),
            ("GET", "/api/v1/products/2147483647", 404, "/api/v1/products/{product_id:id}"),
            ("DELETE", "/api/v1/products/7", 403, "/api/v1/products/{product_id:id}"),
            ("PATCH", "/api/v1/products/7/deactivate", 403, "/api/v1/products/{product_id:id}/deactivate"),
            ("POST", "/api/v1/products/paged", 405, "/api/v1/products/paged"),
            ("GET", "/nowhere/s3cret", 404, "(unknown)"),
            ("GET", "/api/v1/health", 200, "/api/v1/health"),
        ],
    )
    async def test_has_the_route_and_the_status(
        self,
        viewer: httpx.AsyncClient,
        lines: Callable[[], list[logging.LogRecord]],
        method: str,
        path: str,
        status: int,
        route: str,
    ) -> None:
        response = await viewer.request(method, path)
        assert response.status_code == status
        [record] = lines()
        fields: dict[str, Any] = vars(record)
        assert (fields["method"], fields["route"], fields["status"]) == (method, route, status)
        assert fields["duration_ms"] >= 0
        assert record.getMessage().startswith(f"{method} {route} {status} ")

    async def test_has_the_subject(
        self, app: FastAPI, issuer: Issuer, lines: Callable[[], list[logging.LogRecord]]
    ) -> None:
        for token in (issuer.token(sub="ann"), issuer.token(sub="two\nlines\x1b[31m"), None, "garbage"):
            async with client_of(app, token) as client:
                await client.get(PRODUCTS)
        subjects = [vars(record)["subject"] for record in lines()]
        assert subjects == ["ann", r"'two\nlines\x1b[31m'", "-", "-"]
        assert all(record.getMessage().count("\n") == 0 for record in lines())

    async def test_has_a_line_for_a_client_that_disconnects(
        self, app: FastAPI, tokens: dict[str, str], lines: Callable[[], list[logging.LogRecord]]
    ) -> None:
        async with serving(app) as url:
            host, port = url.removeprefix("http://").split(":")
            _, writer = await asyncio.open_connection(host, int(port))
            head = f"POST {PRODUCTS} HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {tokens['product-manager']}\r\n"
            writer.write(f"{head}Content-Type: application/json\r\nContent-Length: 100\r\n\r\n{{".encode())
            await writer.drain()
            await asyncio.sleep(0.1)
            writer.close()
            await writer.wait_closed()
            async with asyncio.timeout(5):
                while not lines():  # noqa: ASYNC110 - the log has no event
                    await asyncio.sleep(0.01)
        assert [record.levelname for record in lines()] == ["INFO"], "the request has not failed"

    async def test_level_is_a_setting(
        self, start: StartContainer, shared_url: str, capsys: pytest.CaptureFixture[str]
    ) -> None:
        app = start({"DATABASE__URL": shared_url, "WEB__LOG_LEVEL": "WARNING"}).get(FastAPI)
        capsys.readouterr()
        async with client_of(app) as client:
            await client.get(HEALTH)
        assert capsys.readouterr().err == ""


class TestLogLines:
    """The written lines, in the formats of production."""

    async def test_text(
        self, start: StartContainer, shared_url: str, issuer: Issuer, capsys: pytest.CaptureFixture[str]
    ) -> None:
        app = start({"DATABASE__URL": shared_url}).get(FastAPI)
        capsys.readouterr()
        async with client_of(app, issuer.token("viewer", sub="ann")) as client:
            await client.get(PRODUCTS, headers={"X-Request-ID": "request-1"})
        [line] = capsys.readouterr().err.splitlines()
        pattern = r"\S+Z INFO myapp\.requests \[request-1\] GET /api/v1/products/ 200 \d+\.\d+ms sub=ann"
        assert re.fullmatch(pattern, line), line

    @pytest.mark.parametrize("json_lines", ["true", "false"])
    async def test_have_the_time_in_utc(
        self,
        start: StartContainer,
        shared_url: str,
        monkeypatch: pytest.MonkeyPatch,
        capsys: pytest.CaptureFixture[str],
        json_lines: str,
    ) -> None:
        with monkeypatch.context() as zone:
            zone.setenv("TZ", "Asia/Kathmandu")
            time.tzset()
            app = start({"DATABASE__URL": shared_url, "WEB__LOG_JSON": json_lines}).get(FastAPI)
            capsys.readouterr()
            async with client_of(app) as client:
                await client.get(HEALTH)
            line = capsys.readouterr().err
        time.tzset()
        written = json.loads(line)["timestamp"] if json_lines == "true" else line.partition(" ")[0]
        moment = datetime.fromisoformat(written)
        assert moment.utcoffset() == timedelta(0)
        assert abs(datetime.now(UTC) - moment) < timedelta(minutes=1)

    async def test_json(
        self, start: StartContainer, shared_url: str, issuer: Issuer, capsys: pytest.CaptureFixture[str]
    ) -> None:
        environment = {"DATABASE__URL": shared_url, "WEB__LOG_JSON": "true"}
        app = start(environment, modules=["tests.platform.web.faulty"]).get(FastAPI)
        capsys.readouterr()
        async with client_of(app, issuer.token("viewer", sub="ann")) as client:
            await client.get(PRODUCTS, headers={"X-Request-ID": "request-1"})
            await client.get("/faulty/errors/unexpected", headers={"X-Request-ID": "request-2"})
        lines = [json.loads(line) for line in capsys.readouterr().err.splitlines()]
        assert len(lines) == 3, "a traceback is part of its line"
        first, failure, last = lines
        assert first["timestamp"]
        expected = {
            "levelname": "INFO",
            "name": "myapp.requests",
            "request_id": "request-1",
            "method": "GET",
            "route": "/api/v1/products/",
            "status": 200,
            "subject": "ann",
        }
        assert first.items() >= expected.items()
        assert isinstance(first["duration_ms"], float)
        assert (failure["levelname"], failure["request_id"]) == ("ERROR", "request-2")
        assert "RuntimeError" in failure["exc_info"]
        assert (last["status"], last["request_id"]) == (500, "request-2")

    @pytest.mark.parametrize("json_lines", ["true", "false"])
    async def test_have_no_secret(
        self,
        start: StartContainer,
        shared_url: str,
        own_issuer: Issuer,
        capsys: pytest.CaptureFixture[str],
        json_lines: str,
    ) -> None:
        """Neither a token, a password, a body nor a query, even in failures and at level DEBUG."""
        environment = {
            "DATABASE__URL": shared_url,
            "AUTH_CLIENT__ISSUER": own_issuer.url,
            "WEB__LOG_LEVEL": "DEBUG",
            "WEB__LOG_JSON": json_lines,
        }
        app = start(environment, modules=["tests.platform.web.faulty"]).get(FastAPI)
        token = own_issuer.token(roles=["admin", "product-manager"], email="ann-of-the-claims@example.com")
        body = {"name": "Name of the body", "description": "Text of the body", "price": 1}
        async with client_of(app, token) as client:
            product = (await client.post(PRODUCTS, json=body)).json()
            await client.put(f"{PRODUCTS}{product['id']}", json={"name": "Name of the body"})
            await client.post(PRODUCTS, json=body | {"colour": "Colour of the body"})
            await client.post(PRODUCTS, content=b'{"name": "Broken of the body', headers=JSON)
            await client.get(PRODUCTS + "search", params={"q": "text-of-the-query"})
            await client.get(PRODUCTS, params={"name-of-the-query": "value-of-the-query"})
            await client.get("/faulty/errors/unexpected", params={"x": "text-of-the-query"})
            await client.get("/faulty/contract")
            await client.delete(f"{PRODUCTS}{product['id']}")
        for bad in (token[:-4] + "AAAA", "token-of-nobody", "of-the-token." * 3):
            async with client_of(app, bad) as client:
                await client.get(PRODUCTS)
        async with client_of(app) as client:
            await client.get(PRODUCTS, headers={"Authorization": "Basic YW5uOnBhc3N3b3JkLW9mLWFubg=="})
        written = capsys.readouterr()
        output = written.err + written.out
        assert "/api/v1/products/" in output
        secrets = ["of the body", "of-the-query", "of-nobody", "of-the-token", "of-the-claims", "YW5u"]
        for secret in (*secrets, *token.split(".")):
            assert secret not in output, [line for line in output.splitlines() if secret in line][:3]
