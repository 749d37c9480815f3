"""Fixtures for all tests: databases of both kinds, an issuer, and the application, made as in production."""

import asyncio
import logging
import os
from collections.abc import AsyncIterator, Iterator, Mapping, Sequence
from contextlib import asynccontextmanager
from typing import Any

import httpx
import pytest
import uvicorn
from fastapi import FastAPI
from hypothesis import HealthCheck, settings
from pico_ioc import PicoContainer
from pico_sqlalchemy import AppBase, SessionManager

from myapp.boot import create_container
from myapp.platform.web.protocol import BoundedHttpToolsProtocol
from myapp.products.services import ProductService

from .databases import BUSY_MACHINE, KINDS, Databases, empty_tables
from .fixture_types import Create, StartContainer
from .issuer import Issuer

for profile, examples in {"quick": 6, "gate": 60}.items():
    settings.register_profile(
        profile,
        max_examples=examples,  # a test of a pure function may set more itself
        deadline=None,  # a shared machine may be slow at any moment
        suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
    )
settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE") or "quick")


@pytest.fixture(scope="session")
def databases(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Databases]:
    made = Databases(tmp_path_factory.mktemp("databases"))
    yield made
    made.close()


@pytest.fixture(scope="session")
def postgres_url(databases: Databases) -> str:
    """Return the URL of a PostgreSQL database whose user may create others."""
    return databases.postgres_url


@pytest.hookimpl(tryfirst=True)
def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """Run a test marked ``one_database`` on SQLite only.

    The mark is for a test whose outcome does not depend on SQL: a refusal by a schema, by the authentication or by
    the routing; a header; a page of the documentation. All other tests that need a database run on both kinds.
    """
    test = metafunc.definition
    if "database_kind" in metafunc.fixturenames and test.get_closest_marker("one_database"):
        test.add_marker(pytest.mark.parametrize("database_kind", KINDS[:1], indirect=True, scope="session"))


@pytest.fixture(scope="session", params=KINDS)
def database_kind(request: pytest.FixtureRequest) -> str:
    """Return the kind of database. A test that needs one runs once for each kind."""
    kind: str = request.param
    return kind


@pytest.fixture
def database_url(database_kind: str, databases: Databases) -> str:
    """Return the URL of a migrated, empty database for this test alone."""
    return databases.migrated(database_kind)


@pytest.fixture(scope="session")
def issuer() -> Iterator[Issuer]:
    """Run the issuer that the shared application trusts. Do not stop it: use ``own_issuer`` for tests of failures."""
    running = Issuer().start()
    yield running
    running.stop()


@pytest.fixture
def own_issuer() -> Iterator[Issuer]:
    running = Issuer().start()
    yield running
    running.speak()
    running.stop()


@pytest.fixture(scope="session")
def folders(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """Return settings with temporary folders for files, mails and messages."""
    names = ("STORAGE__URL", "MAIL__FOLDER", "CELERY__BROKER_URL")
    return {name: str(tmp_path_factory.mktemp("data") / name.partition("__")[0].lower()) for name in names}


@pytest.fixture
async def start(issuer: Issuer, folders: dict[str, str]) -> AsyncIterator[StartContainer]:
    """Build an application for one test: ``start({"WEB__ROOT_PATH": "/shop"})``."""
    started: list[PicoContainer] = []
    root = logging.getLogger()
    handlers, level = list(root.handlers), root.level

    def start_one(
        environment: Mapping[str, str],
        overrides: Mapping[type, Any] | None = None,
        modules: Sequence[str] = (),
    ) -> PicoContainer:
        container = build({"AUTH_CLIENT__ISSUER": issuer.url, **folders, **environment}, overrides, modules)
        started.append(container)
        return container

    yield start_one
    for container in started:
        await container.ashutdown()
    root.handlers[:] = handlers
    root.setLevel(level)  # this also clears the cached levels of all loggers


def build(
    environment: Mapping[str, str],
    overrides: Mapping[type, Any] | None = None,
    modules: Sequence[str] = (),
) -> PicoContainer:
    """Return the application with these environment variables set."""
    with pytest.MonkeyPatch.context() as patch:
        for name, value in (BUSY_MACHINE | dict(environment)).items():
            patch.setenv(name, value)
        return create_container(overrides, modules)


@pytest.fixture
def without_coverage(monkeypatch: pytest.MonkeyPatch) -> None:
    """Measure no coverage in the processes that the test starts: it would double their time."""
    for name in [name for name in os.environ if name.startswith("COV")]:
        monkeypatch.delenv(name)


@pytest.fixture(scope="session")
def shared_url(database_kind: str, databases: Databases) -> str:
    """Return the URL of a database that tests share."""
    return databases.migrated(database_kind)


@pytest.fixture(scope="session")
async def shared_container(shared_url: str, issuer: Issuer, folders: dict[str, str]) -> AsyncIterator[PicoContainer]:
    container = build({"DATABASE__URL": shared_url, "AUTH_CLIENT__ISSUER": issuer.url, **folders})
    yield container
    await container.ashutdown()


@pytest.fixture
async def container(shared_container: PicoContainer) -> PicoContainer:
    """Return the application that tests share, with empty tables. There is one for each kind of database."""
    await empty_tables(shared_container.get(SessionManager).engine, AppBase.metadata)
    return shared_container


@pytest.fixture
def app(container: PicoContainer) -> FastAPI:
    made: FastAPI = container.get(FastAPI)
    return made


@pytest.fixture
def service(container: PicoContainer) -> ProductService:
    made: ProductService = container.get(ProductService)
    return made


@asynccontextmanager
async def client_of(app: FastAPI, token: str | None = None, **options: Any) -> AsyncIterator[httpx.AsyncClient]:
    """Yield a client that calls ``app`` without a network, with ``token``."""
    headers = {"Authorization": f"Bearer {token}"} if token else {}
    transport = httpx.ASGITransport(app, raise_app_exceptions=False)
    base_url = options.pop("base_url", "http://testserver")
    async with httpx.AsyncClient(
        transport=transport, base_url=base_url, headers=headers, trust_env=False, **options
    ) as client:
        yield client


@asynccontextmanager
async def serving(app: FastAPI) -> AsyncIterator[str]:
    """Serve ``app`` with the server of production and yield its URL. For tests that need a real connection."""
    config = uvicorn.Config(
        app,
        http=BoundedHttpToolsProtocol,
        port=0,
        lifespan="off",
        log_config=None,
        ws="none",
        timeout_graceful_shutdown=5,
    )
    server = uvicorn.Server(config)
    task = asyncio.create_task(server.serve())
    try:
        async with asyncio.timeout(5):
            while not server.started:  # noqa: ASYNC110 - uvicorn has no event for it
                await asyncio.sleep(0.005)
        yield f"http://127.0.0.1:{server.servers[0].sockets[0].getsockname()[1]}"
    finally:
        server.should_exit = True
        await task


@pytest.fixture
async def anonymous(app: FastAPI) -> AsyncIterator[httpx.AsyncClient]:
    async with client_of(app) as client:
        yield client


@pytest.fixture(scope="session")
def tokens(issuer: Issuer) -> dict[str, str]:
    """Return one token for each role."""
    return {role: issuer.token(role) for role in ("viewer", "product-manager", "admin")}


@pytest.fixture
async def viewer(app: FastAPI, tokens: dict[str, str]) -> AsyncIterator[httpx.AsyncClient]:
    async with client_of(app, tokens["viewer"]) as client:
        yield client


@pytest.fixture
async def manager(app: FastAPI, tokens: dict[str, str]) -> AsyncIterator[httpx.AsyncClient]:
    async with client_of(app, tokens["product-manager"]) as client:
        yield client


@pytest.fixture
async def admin(app: FastAPI, tokens: dict[str, str]) -> AsyncIterator[httpx.AsyncClient]:
    async with client_of(app, tokens["admin"]) as client:
        yield client


@pytest.fixture
def create(manager: httpx.AsyncClient) -> Create:
    """Create a product over HTTP and return it: ``await create("Lamp", price=9.5)``."""

    async def create_one(name: str = "Lamp", **members: Any) -> dict[str, Any]:
        response = await manager.post("/api/v1/products/", json={"name": name, "price": 19.99, **members})
        assert response.status_code == 201, response.text
        made: dict[str, Any] = response.json()
        return made

    return create_one
