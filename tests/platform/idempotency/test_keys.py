"""The header ``Idempotency-Key``: its syntax, and who may and who must send it."""

from typing import Any

import httpx
import pytest
from fastapi import FastAPI
from hypothesis import given
from hypothesis import strategies as st

from myapp.platform.web.idempotency import parse_key
from myapp.platform.web.problems import HttpProblem
from tests.conftest import client_of
from tests.databases import Databases
from tests.fixture_types import StartContainer
from tests.issuer import Issuer
from tests.platform.web.problems import assert_problem

from .conftest import KEY, LAMP, PRODUCTS, is_replay, products
from .probe import Gate

pytestmark = pytest.mark.one_database

VALID = {
    b"a": "a",
    b"8e03978e-40d5-43e8-bc93-6894a57f9324": "8e03978e-40d5-43e8-bc93-6894a57f9324",
    b'"8e03978e"': "8e03978e",
    b"  a\t": "a",
    b"!~,;=%00": "!~,;=%00",
    b"a" * 255: "a" * 255,
    b'"' + b"a" * 255 + b'"': "a" * 255,
    rb'"a\"b\\c"': 'a"b\\c',
    rb'a"b\c': 'a"b\\c',
    b"'a'": "'a'",
}
INVALID = [
    b"",
    b" ",
    b'""',
    b'"',
    b'"a',
    b'"a"b"',
    b'"a" ; x=1',
    rb'"a\b"',
    b"a b",
    b'"a b"',
    b"a, b",
    b'"a", "b"',
    b"a\tb",
    b"a\x00b",
    b"a\x7f",
    b"\xc3\xa4",
    b'"\xff"',
    b"a" * 256,
    b'"' + b"a" * 256 + b'"',
    b"a" * 30_000,
    b"a\n",
]
visible = st.text(st.characters(min_codepoint=0x21, max_codepoint=0x7E), min_size=1, max_size=255)


class TestSyntax:
    @pytest.mark.parametrize("value", VALID)
    def test_valid(self, value: bytes) -> None:
        assert parse_key([value]) == VALID[value]

    @pytest.mark.parametrize("value", INVALID, ids=lambda value: repr(value[:20]))
    def test_invalid(self, value: bytes) -> None:
        with pytest.raises(HttpProblem) as refusal:
            parse_key([value])
        assert refusal.value.kind.code == "invalid_idempotency_key"

    @given(key=visible)
    def test_every_key_can_be_quoted(self, key: str) -> None:
        quoted = key.replace("\\", "\\\\").replace('"', '\\"')
        assert parse_key([f'"{quoted}"'.encode()]) == key

    @given(key=visible.filter(lambda key: not key.startswith('"')))
    def test_every_key_without_a_quote_at_its_beginning_can_be_bare(self, key: str) -> None:
        assert parse_key([key.encode()]) == key

    async def test_of_an_invalid_header_nothing_is_done(self, manager: httpx.AsyncClient) -> None:
        for headers in ([(KEY, "a b")], [(KEY, "a"), (KEY, "a")], [(KEY, "a"), ("idempotency-key", "b")], [(KEY, "")]):
            response = await manager.post(PRODUCTS, json=LAMP, headers=headers)
            assert_problem(response, 400, "invalid_idempotency_key")
        assert await products(manager) == []

    async def test_bare_and_quoted_are_one_key(self, manager: httpx.AsyncClient) -> None:
        answers = [await manager.post(PRODUCTS, json=LAMP, headers={KEY: value}) for value in ("a", '"a"', " a ")]
        assert [is_replay(answer) for answer in answers] == [False, True, True]


class TestCallers:
    async def test_authentication_comes_first(self, anonymous: httpx.AsyncClient, viewer: httpx.AsyncClient) -> None:
        for value in ("a", "a b"):
            headers = {KEY: value}
            assert_problem(await anonymous.post(PRODUCTS, json=LAMP, headers=headers), 401, "missing_token")
            assert_problem(await viewer.post(PRODUCTS, json=LAMP, headers=headers), 403, "insufficient_scope")

    async def test_a_public_route_ignores_the_header(
        self, anonymous: httpx.AsyncClient, manager: httpx.AsyncClient, gate: Gate
    ) -> None:
        for client in (anonymous, manager):
            for value in ("a", "a", "a b"):
                response = await client.post("/probe/public", headers={KEY: value})
                assert (response.status_code, is_replay(response)) == (204, False)
        assert gate.calls == 6

    async def test_without_authentication_a_key_is_refused(
        self, start: StartContainer, databases: Databases, database_kind: str
    ) -> None:
        settings = {"DATABASE__URL": databases.migrated(database_kind), "AUTH_CLIENT__ENABLED": "false"}
        async with client_of(start(settings).get(FastAPI)) as client:
            assert_problem(await client.post(PRODUCTS, json=LAMP, headers={KEY: "a"}), 400, "invalid_idempotency_key")
            assert (await client.post(PRODUCTS, json=LAMP)).status_code == 201


class TestRequired:
    async def test_a_route_can_demand_a_key(self, viewer: httpx.AsyncClient, gate: Gate) -> None:
        assert_problem(await viewer.post("/probe/required"), 400, "idempotency_key_required")
        assert_problem(await viewer.post("/probe/required", headers={KEY: ""}), 400, "invalid_idempotency_key")
        assert gate.calls == 0
        assert [(await viewer.post("/probe/required", headers={KEY: "a"})).status_code for _ in range(2)] == [204, 204]
        assert gate.calls == 1

    def test_the_document_says_so(self, app: FastAPI) -> None:
        paths = app.openapi()["paths"]

        def key_of(operation: dict[str, Any]) -> dict[str, Any]:
            [found] = [each for each in operation["parameters"] if each["name"] == KEY]
            return found  # type: ignore[no-any-return]

        assert key_of(paths["/probe/required"]["post"])["required"] is True
        assert "idempotency_key_required" in paths["/probe/required"]["post"]["responses"]["400"]["description"]
        assert "required" not in key_of(paths["/probe/held"]["post"])
        assert "parameters" not in paths["/probe/public"]["post"]


async def test_another_subject_with_an_odd_name_is_another_caller(app: FastAPI, issuer: Issuer) -> None:
    """No pair of subject and key looks like another pair."""
    for subject, key in (("ann", 'x"b'), ('ann","x', "b"), ("ann\\", "x")):
        async with client_of(app, issuer.token("product-manager", sub=subject)) as client:
            assert not is_replay(await client.post(PRODUCTS, json=LAMP, headers={KEY: key}))
