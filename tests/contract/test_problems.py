"""Every error is a problem document of a kind that the catalogue and docs/errors.md have."""

import re
from collections.abc import Awaitable, Iterator
from typing import Any
from uuid import uuid4

import httpx
import pytest
from fastapi import FastAPI

from myapp.boot import ROOT
from myapp.platform import errors
from myapp.platform.errors import DomainError, UnavailableError
from myapp.platform.web.problems import CATALOGUE

from ..conftest import client_of
from ..fixture_types import StartContainer
from ..issuer import Issuer
from ..platform.web.problems import assert_problem

ABSTRACT = {DomainError, UnavailableError}
PRODUCTS = "/api/v1/products/"


class TestCatalogue:
    def test_has_one_entry_a_code(self) -> None:
        codes = [kind.code for kind in CATALOGUE]
        assert len(codes) == len(set(codes))
        assert all(re.fullmatch(r"[a-z]+(_[a-z]+)*", code) for code in codes)

    def test_has_every_domain_error(self, subtests: pytest.Subtests) -> None:
        kinds = {(kind.status, kind.code, kind.title) for kind in CATALOGUE}
        for error in set(domain_errors()) - ABSTRACT:
            with subtests.test(error.__name__):
                assert (error.status, error.code, error.title) in kinds

    def test_is_the_table_of_the_documentation(self) -> None:
        table = (ROOT / "docs" / "errors.md").read_text(encoding="utf-8").partition("<!-- problem codes -->")[2].strip()
        lines = table.partition("\n\n")[0].splitlines()
        rows = [tuple(cell.strip().strip("`") for cell in line.strip("|").split("|")) for line in lines]
        assert rows[0] == ("code", "status", "title")
        assert rows[2:] == [(kind.code, str(kind.status), kind.title) for kind in CATALOGUE]


def domain_errors() -> Iterator[type[DomainError]]:
    for value in vars(errors).values():
        if isinstance(value, type) and issubclass(value, DomainError):
            yield value


class TestEveryKind:
    """Each kind of problem, seen from outside."""

    async def test_is_answered_as_a_problem(
        self,
        start: StartContainer,
        database_url: str,
        own_issuer: Issuer,
        subtests: pytest.Subtests,
    ) -> None:
        environment = {
            "DATABASE__URL": database_url,
            "AUTH_CLIENT__ISSUER": own_issuer.url,
            "AUTH__JWKS_REFRESH_PAUSE": "0.001",
        }
        app = start(environment, modules=["tests.platform.web.faulty"]).get(FastAPI)
        own_issuer.stop()
        async with client_of(app, own_issuer.token("admin", roles=["admin", "product-manager"])) as client:
            problems = {
                "not_ready": await client.get("/api/v1/health/ready"),
                "issuer_unavailable": await client.get(PRODUCTS),
            }
            own_issuer.start()
            problems |= {code: await send for code, send in self.requests(client).items()}
            for code, response in problems.items():
                with subtests.test(code):
                    assert_problem(response, response.status_code, code)
        below_asgi = {"malformed_request", "uri_too_long", "headers_too_large"}  # tests/platform/web/test_protocol.py
        assert set(problems) == {kind.code for kind in CATALOGUE} - below_asgi

    def requests(self, client: httpx.AsyncClient) -> dict[str, Awaitable[httpx.Response]]:
        nobody: dict[str, Any] = {"headers": {"Authorization": ""}}
        stranger: dict[str, Any] = {"headers": {"Authorization": "Bearer x"}}
        json = {"Content-Type": "application/json"}
        return {
            "malformed_body": client.post(PRODUCTS, content="{", headers=json),
            "invalid_idempotency_key": client.delete(PRODUCTS + "1", headers={"Idempotency-Key": "a b"}),
            "idempotency_key_required": client.get("/faulty/errors/key_required"),
            "missing_token": client.get(PRODUCTS, **nobody),
            "invalid_token": client.get(PRODUCTS, **stranger),
            "insufficient_scope": client.get("/faulty/errors/forbidden"),
            "user_inactive": client.get("/faulty/errors/inactive"),
            "route_not_found": client.get("/nowhere"),
            "not_found": client.get(PRODUCTS + "2147483647"),
            "method_not_allowed": client.request("BREW", PRODUCTS),
            "conflict": client.get("/faulty/errors/conflict"),
            "already_exists": client.get("/faulty/errors/already_exists"),
            "idempotency_in_progress": client.get("/faulty/errors/in_progress"),
            "insufficient_stock": client.get("/faulty/errors/stock"),
            "own_account": client.get("/faulty/errors/own_account"),
            "target_refused": client.get("/faulty/errors/target"),
            "invalid_link": client.get(f"/api/v1/reports/{uuid4()}/download?expires=1&signature=x"),
            "gone": client.get("/faulty/errors/gone"),
            "precondition_failed": client.get("/faulty/errors/precondition"),
            "body_too_large": client.post(PRODUCTS, content=b" " * (2**20 + 1), headers=json),
            "unsupported_encoding": client.post(PRODUCTS, content="x", headers=json | {"Content-Encoding": "gzip"}),
            "unsupported_media_type": client.post(PRODUCTS, content="x", headers={"Content-Type": "text/plain"}),
            "validation_failed": client.get(PRODUCTS, params={"x": "1"}),
            "batch_rejected": client.post(f"{PRODUCTS}bulk", json={"items": [{"op": "delete", "id": 0}]}),
            "constraint_violation": client.get("/faulty/errors/constraint"),
            "invalid_cursor": client.get(PRODUCTS + "scroll", params={"cursor": "x"}),
            "cursor_mismatch": client.get("/faulty/errors/cursor"),
            "idempotency_key_reused": client.get("/faulty/errors/key_reused"),
            "feed_unavailable": client.get("/faulty/errors/feed"),
            "internal_error": client.get("/faulty/errors/unexpected"),
            "database_unavailable": client.get("/faulty/errors/database"),
            "storage_unavailable": client.get("/faulty/errors/storage"),
            "broker_unavailable": client.get("/faulty/errors/broker"),
            "mail_unavailable": client.get("/faulty/errors/mail"),
        }
