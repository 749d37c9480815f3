"""Details of a failure go to the log, never to the client."""

from collections.abc import AsyncIterator

import httpx
import pytest
from fastapi import FastAPI

from ...conftest import client_of
from ...fixture_types import StartContainer
from .faulty import SECRET
from .problems import assert_problem

pytestmark = pytest.mark.one_database


@pytest.fixture
async def client(faulty_app: FastAPI, tokens: dict[str, str]) -> AsyncIterator[httpx.AsyncClient]:
    async with client_of(faulty_app, tokens["viewer"]) as made:
        yield made


class TestUnexpected:
    @pytest.mark.parametrize(
        "path",
        [
            "errors/unexpected",
            "errors/key",
            "errors/unicode",
            "errors/recursion",
            "errors/memory",
            "errors/timeout",
            "public",
            "statement",
            "answer",
        ],
    )
    async def test_reveals_nothing(
        self, client: httpx.AsyncClient, path: str, caplog: pytest.LogCaptureFixture
    ) -> None:
        response = await client.get(f"/faulty/{path}", headers={"X-Request-ID": "request-1"})
        problem = assert_problem(response, 500, "internal_error")
        assert set(problem) == {"type", "title", "status", "detail", "instance", "code", "request_id"}
        answer = response.text + str(response.headers)
        for word in (SECRET, "Error", "Traceback", "no_such_table", "SELECT", "sqlalchemy", "pydantic", ".py"):
            assert word not in answer
        [record] = [record for record in caplog.records if record.levelname == "ERROR"]
        assert record.exc_info
        assert record.request_id == "request-1"  # type: ignore[attr-defined]

    async def test_does_not_affect_the_next_request(self, client: httpx.AsyncClient) -> None:
        for _ in range(30):  # more than there are connections
            assert (await client.get("/faulty/statement")).status_code == 500
        assert (await client.get("/api/v1/products/")).status_code == 200


class TestExpected:
    @pytest.mark.parametrize(
        ("path", "status", "code"),
        [
            ("errors/not_found", 404, "not_found"),
            ("errors/conflict", 409, "conflict"),
            ("errors/precondition", 412, "precondition_failed"),
            ("errors/database", 503, "database_unavailable"),
            ("errors/issuer", 503, "issuer_unavailable"),
            ("errors/token", 401, "missing_token"),
            ("errors/forbidden", 403, "insufficient_scope"),
            ("role", 403, "insufficient_scope"),
        ],
    )
    async def test_has_its_own_answer(
        self, client: httpx.AsyncClient, path: str, status: int, code: str, caplog: pytest.LogCaptureFixture
    ) -> None:
        problem = assert_problem(await client.get(f"/faulty/{path}"), status, code)
        assert SECRET not in str(problem)
        assert not [record for record in caplog.records if record.levelname == "ERROR"]

    async def test_broken_contract_names_every_field(self, client: httpx.AsyncClient) -> None:
        problem = assert_problem(await client.get("/faulty/contract"), 422, "validation_failed")
        assert {(error["pointer"], error["code"]) for error in problem["errors"]} == {
            ("#/name", "string_too_short"),
            ("#/price", "greater_than"),
        }

    @pytest.mark.parametrize(
        ("path", "pointer", "constraint"),
        [
            ("constraint", "#/price", "ck_products_price_positive"),
            ("constraint_without_field", "#", "fk_things_owner"),
        ],
    )
    async def test_violated_constraint_names_its_field(
        self, client: httpx.AsyncClient, path: str, pointer: str, constraint: str
    ) -> None:
        problem = assert_problem(await client.get(f"/faulty/errors/{path}"), 422, "constraint_violation")
        assert [(error["pointer"], error["code"]) for error in problem["errors"]] == [(pointer, constraint)]

    async def test_status_of_the_framework_becomes_a_problem_too(self, client: httpx.AsyncClient) -> None:
        response = await client.get("/faulty/errors/teapot")
        assert (response.status_code, response.headers["content-type"]) == (418, "application/problem+json")
        assert (response.json()["code"], response.json()["title"]) == ("http_418", "I am a teapot")
        assert response.headers["x-tea"] == "green"


class TestWithoutAuthentication:
    async def test_unknown_paths_and_methods_are_problems(self, start: StartContainer, shared_url: str) -> None:
        app = start({"DATABASE__URL": shared_url, "AUTH_CLIENT__ENABLED": "false"}).get(FastAPI)
        async with client_of(app) as client:
            assert_problem(await client.get("/nowhere"), 404, "route_not_found")
            response = await client.request("BREW", "/api/v1/products/paged")
            assert_problem(response, 405, "method_not_allowed")
            assert response.headers["allow"] == "GET"
            assert (await client.get("/api/v1/products/")).status_code == 200


class TestInstance:
    async def test_is_the_path_escaped_and_cut(self, anonymous: httpx.AsyncClient) -> None:
        problem = assert_problem(await anonymous.get("/a%20b/%C3%BC%0A%22%3Cx%3E?q=secret"), 401, "missing_token")
        assert problem["instance"] == "/a%20b/%C3%BC%0A%22%3Cx%3E"
        response = await anonymous.get("/" + "x" * 10_000)
        assert_problem(response, 401, "missing_token")
        assert len(response.content) < 700
