"""An application with routes whose calls tests can hold, and callers with a key."""

import uuid
from collections.abc import AsyncIterator
from typing import Any

import httpx
import pytest
from fastapi import FastAPI
from pico_ioc import PicoContainer
from pico_sqlalchemy import AppBase, SessionManager

from tests.conftest import build, client_of
from tests.databases import Databases, empty_tables
from tests.issuer import Issuer

from .probe import Gate, ProbeController

KEY = "Idempotency-Key"
PROBE = "tests.platform.idempotency.probe"
PRODUCTS = "/api/v1/products/"
LAMP: dict[str, Any] = {"name": "Lamp", "price": 9.5, "stock": 1}

PATIENT = {"IDEMPOTENCY__WAIT": "30", "ENGINE__COMMAND_TIMEOUT": "40"}
"""Settings with which an equal request is waited for as long as a busy machine takes."""


@pytest.fixture(scope="session")
async def probed_container(
    database_kind: str, databases: Databases, issuer: Issuer, folders: dict[str, str]
) -> AsyncIterator[PicoContainer]:
    environment = {
        "DATABASE__URL": databases.migrated(database_kind),
        "AUTH_CLIENT__ISSUER": issuer.url,
        "EVENTS__RELAY": "false",
    }
    container = build(environment | PATIENT | folders, modules=[PROBE])
    yield container
    await container.ashutdown()


@pytest.fixture
async def container(probed_container: PicoContainer) -> PicoContainer:
    await empty_tables(probed_container.get(SessionManager).engine, AppBase.metadata)
    return probed_container


@pytest.fixture
def gate(container: PicoContainer) -> Gate:
    """Return the gate of the application, which is open."""
    gate = Gate()
    container.get(ProbeController).gate = gate
    return gate


@pytest.fixture
def key() -> dict[str, str]:
    """Return the header with a key that nobody has used."""
    return {KEY: uuid.uuid4().hex}


@pytest.fixture
async def writer(app: FastAPI, issuer: Issuer) -> AsyncIterator[httpx.AsyncClient]:
    """A caller with every permission."""
    async with client_of(app, issuer.token(roles=["admin", "product-manager"])) as client:
        yield client


async def products(client: httpx.AsyncClient) -> list[dict[str, Any]]:
    """Return all products, those that are not active too."""
    found: list[dict[str, Any]] = (await client.get(PRODUCTS, params={"include_inactive": "true"})).json()
    return found


def is_replay(response: httpx.Response) -> bool:
    return response.headers.get("Idempotent-Replayed") == "true"
