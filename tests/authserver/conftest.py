"""Fixtures of the auth server: as in production, on both kinds of database, but with fast password hashes."""

import os
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Mapping
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import httpx
import pytest
from click.testing import Result
from fastapi import FastAPI
from pico_ioc import PicoContainer
from pico_sqlalchemy import SessionManager
from typer.testing import CliRunner

from authserver.boot import create_container
from authserver.cli import cli
from authserver.schema import AuthBase
from authserver.users.models import User
from authserver.users.services import UserService

from ..databases import Databases, empty_tables, in_thread
from ..fixture_types import StartContainer

StartAuthServer = StartContainer
AddUser = Callable[..., Awaitable[User]]
Run = Callable[..., Result]

PASSWORD = "correct horse"

CHEAP = {
    "AUTHSERVER__PASSWORDS__MEMORY_KIB": "64",
    "AUTHSERVER__PASSWORDS__TIME_COST": "1",
    "AUTHSERVER__PASSWORDS__PARALLELISM": "1",
    "AUTHSERVER__ENGINE__CONNECT_TIMEOUT": "10",  # a busy machine is no fault of the database
}


def build(environment: Mapping[str, str]) -> PicoContainer:
    with pytest.MonkeyPatch.context() as patch:
        for name, value in {**CHEAP, **environment}.items():
            patch.setenv(name, value)
        return create_container()


@pytest.fixture(scope="session")
async def shared_auth_server(
    database_kind: str, databases: Databases, tmp_path_factory: pytest.TempPathFactory
) -> AsyncIterator[PicoContainer]:
    container = build(
        {
            "AUTHSERVER__DATABASE__URL": databases.empty(database_kind),
            "AUTHSERVER__KEYS__DIRECTORY": str(tmp_path_factory.mktemp("keys")),
        }
    )
    yield container
    await container.ashutdown()


@pytest.fixture
async def container(shared_auth_server: PicoContainer) -> PicoContainer:
    """Return the shared auth server with empty tables, once for each kind of database."""
    await empty_tables(shared_auth_server.get(SessionManager).engine, AuthBase.metadata)
    return shared_auth_server


@pytest.fixture
async def start(container: PicoContainer, tmp_path: Path) -> AsyncIterator[StartAuthServer]:
    """``start({"AUTHSERVER__LOGIN__MAX_WAITING": "1"})`` starts another auth server on the same database."""
    url = container.get(SessionManager).engine.url.render_as_string(hide_password=False)
    started: list[PicoContainer] = []

    def start_one(environment: Mapping[str, str]) -> PicoContainer:
        places = {"AUTHSERVER__DATABASE__URL": url, "AUTHSERVER__KEYS__DIRECTORY": str(tmp_path / "keys")}
        started.append(build({**places, **environment}))
        return started[-1]

    yield start_one
    for other in started:
        await other.ashutdown()


@pytest.fixture
def add_user(container: PicoContainer) -> AddUser:
    """``await add_user("alice", roles=["admin"])`` adds a user with the password ``PASSWORD``."""

    async def add(username: str = "alice", **fields: Any) -> User:
        data = {
            "username": username,
            "email": f"{username}@example.com",
            "name": f"Full name of {username}",
            "roles": ["product-manager", "admin"],
            "password": PASSWORD,
        }
        user: User = await container.get(UserService).create(data | fields)
        return user

    return add


@asynccontextmanager
async def client_of(container: PicoContainer, address: str = "192.0.2.1") -> AsyncIterator[httpx.AsyncClient]:
    """Return a client that calls the server from ``address`` without a network."""
    transport = httpx.ASGITransport(container.get(FastAPI), raise_app_exceptions=False, client=(address, 50_000))
    async with httpx.AsyncClient(transport=transport, base_url="http://testserver", trust_env=False) as client:
        yield client


@pytest.fixture
async def client(container: PicoContainer) -> AsyncIterator[httpx.AsyncClient]:
    async with client_of(container) as client:
        yield client


async def login(client: httpx.AsyncClient, username: str = "alice", password: str = PASSWORD) -> httpx.Response:
    return await client.post("/login", json={"username": username, "password": password})


@pytest.fixture
def run(environment: dict[str, str]) -> Iterator[Run]:
    """``run("users", "list")`` runs a command in the module's ``environment``; ``typed`` is its standard input."""
    umask = os.umask(0o022)

    def command(*arguments: str, typed: str = "") -> Result:
        return in_thread(lambda: CliRunner().invoke(cli, arguments, input=typed, env=environment))

    yield command
    os.umask(umask)
