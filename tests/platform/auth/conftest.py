"""The application with the routes of probe.py, and single parts of the authentication."""

from collections.abc import AsyncIterator, Mapping
from pathlib import Path
from typing import Any

import httpx
import pytest
from fastapi import FastAPI
from pico_client_auth.config import AuthClientSettings

from myapp.platform.auth.keys import IssuerKeys
from myapp.platform.auth.revocations import RevokedTokens
from myapp.platform.auth.settings import AuthSettings
from myapp.platform.auth.tokens import AccessTokenValidator
from tests.conftest import build, client_of
from tests.databases import Databases
from tests.issuer import AUDIENCE, KEYS, Issuer

from ...fixture_types import Call

PROBE = "tests.platform.auth.probe"
PAUSE = 0.2
"""Seconds between two fetches of the keys: short, so that tests need not wait for long."""


def validator_of(
    issuer: Issuer, *, ttl: int = 300, client: Mapping[str, Any] = {}, **auth: Any
) -> AccessTokenValidator:
    """Return a validator as the container makes it. ``ttl=0`` refreshes the keys whenever the pause allows it."""
    settings = AuthClientSettings(
        **{"issuer": issuer.url, "audience": AUDIENCE, "jwks_ttl_seconds": ttl, "accepted_algorithms": ("RS256",)}
        | dict(client)
    )
    own = AuthSettings(**{"jwks_refresh_pause": PAUSE, "jwks_timeout": 10.0} | auth)
    return AccessTokenValidator(settings, IssuerKeys(settings, own), RevokedTokens(settings, own), own)


def fetches(issuer: Issuer) -> int:
    return issuer.requests.count(KEYS)


@pytest.fixture(autouse=True)
def no_certificates(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Trust no authorities: the issuers here speak plain http, and reading the authorities takes longer than a test."""
    monkeypatch.setenv("SSL_CERT_DIR", str(tmp_path))


@pytest.fixture(scope="session")
def empty_database(databases: Databases) -> str:
    return databases.migrated("sqlite")


@pytest.fixture(scope="session")
async def probe_app(empty_database: str, issuer: Issuer) -> AsyncIterator[FastAPI]:
    container = build({"DATABASE__URL": empty_database, "AUTH_CLIENT__ISSUER": issuer.url}, modules=[PROBE])
    yield container.get(FastAPI)
    await container.ashutdown()


@pytest.fixture
async def call(probe_app: FastAPI) -> AsyncIterator[Call]:
    """``await call(token, "/probe/group")``: ``agent`` is the token of an agent, ``headers`` are sent as they are."""
    async with client_of(probe_app) as client:
        yield caller(client)


def caller(client: httpx.AsyncClient) -> Call:
    async def call(
        token: str | bytes | None = None, path: str = "/probe/caller", *, agent: str | None = None, headers: Any = ()
    ) -> httpx.Response:
        sent = [(name.encode(), value if isinstance(value, bytes) else value.encode()) for name, value in headers]
        if token is not None:
            sent.append((b"authorization", b"Bearer " + (token if isinstance(token, bytes) else token.encode())))
        if agent is not None:
            sent.append((b"x-agent-authorization", b"Bearer " + agent.encode()))
        return await client.get(path, headers=sent)

    return call
