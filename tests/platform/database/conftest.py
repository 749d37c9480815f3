"""Session managers with a small pool and short waits, on a database of each kind."""

import asyncio
import uuid
from collections.abc import AsyncIterator, Callable, Coroutine, Iterator
from contextlib import contextmanager
from decimal import Decimal
from typing import Any

import asyncpg
import pytest
from pico_ioc import PicoContainer
from pico_sqlalchemy import AppBase, SessionManager
from pico_sqlalchemy.config import DatabaseSettings
from sqlalchemy import make_url, select

from myapp.platform.database.engine import EngineSettings
from myapp.platform.database.sessions import TransactionalSessionManager, create_session_manager
from myapp.products.models import Product
from tests.conftest import build
from tests.databases import Databases, empty_tables, in_thread, libpq_url
from tests.issuer import Issuer

POOL_SIZE = 3

only_sqlite = pytest.mark.parametrize("database_kind", ["sqlite"], indirect=True)
only_postgresql = pytest.mark.parametrize("database_kind", ["postgresql"], indirect=True)

Names = Callable[[], Coroutine[Any, Any, list[str]]]


def session_manager(url: str, **settings: Any) -> TransactionalSessionManager:
    limits = {"max_overflow": 0, "pool_timeout": 0.3, "sqlite_busy_timeout": 0.3, "connect_timeout": 1.0} | settings
    engine = EngineSettings(**limits)
    database = DatabaseSettings(url=url, pool_size=POOL_SIZE, pool_pre_ping=False)
    return create_session_manager(database, engine)


def in_use(sessions: SessionManager) -> int:
    """Return how many connections of the pool are in use."""
    used: int = sessions.engine.pool.checkedout()  # type: ignore[attr-defined]
    return used


def lamp(name: str = "Lamp", price: str = "9.50", **members: Any) -> Product:
    return Product(name=name, price=Decimal(price), **members)


@pytest.fixture(scope="session")
def shared_url(database_kind: str, databases: Databases) -> str:
    return databases.migrated(database_kind)


@pytest.fixture
async def sessions(shared_url: str) -> AsyncIterator[TransactionalSessionManager]:
    """A session manager on a database without products.

    After the test, all connections must be back in the pool, and the task must have no transaction.
    """
    made = session_manager(shared_url)
    await empty_tables(made.engine, AppBase.metadata)
    yield made
    assert in_use(made) == 0
    assert made.get_current_session() is None
    await made.engine.dispose()


@pytest.fixture
def names(sessions: TransactionalSessionManager) -> Names:
    """A function that returns the names of all committed products."""

    async def read() -> list[str]:
        async with sessions.engine.connect() as connection:
            return list(await connection.scalars(select(Product.name).order_by(Product.id)))

    return read


@pytest.fixture
def is_sqlite(database_kind: str) -> bool:
    return database_kind == "sqlite"


@pytest.fixture
def postgres_role() -> Iterator[Callable[..., str]]:
    """``postgres_role(url, "CONNECTION LIMIT 2")`` returns ``url`` with a new role that may only connect."""
    with new_roles() as create:
        yield create


@contextmanager
def new_roles() -> Iterator[Callable[..., str]]:
    roles: list[tuple[str, str]] = []

    def create(url: str, options: str = "", password: str = "secret") -> str:
        role = f"test_{uuid.uuid4().hex[:12]}"
        execute(url, f"CREATE ROLE \"{role}\" LOGIN PASSWORD '{password}' {options}")
        roles.append((url, role))
        return make_url(url).set(username=role, password=password).render_as_string(hide_password=False)

    yield create
    for url, role in roles:
        execute(url, f'DROP OWNED BY "{role}" CASCADE', f'DROP ROLE "{role}"')


def execute(url: str, *statements: str) -> None:
    async def work() -> None:
        connection = await asyncpg.connect(libpq_url(url))
        for statement in statements:
            await connection.execute(statement)
        await connection.close()

    in_thread(lambda: asyncio.run(work()))


@pytest.fixture(scope="session")
async def probe_application(database_kind: str, databases: Databases, issuer: Issuer) -> AsyncIterator[PicoContainer]:
    environment = {"DATABASE__URL": databases.migrated(database_kind), "AUTH_CLIENT__ISSUER": issuer.url}
    container = build(environment, modules=["tests.platform.database.probe"])
    yield container
    await container.ashutdown()


@pytest.fixture
async def probe_container(probe_application: PicoContainer) -> AsyncIterator[PicoContainer]:
    """The application with the components of probe.py and no products."""
    manager = probe_application.get(SessionManager)
    await empty_tables(manager.engine, AppBase.metadata)
    yield probe_application
    assert in_use(manager) == 0
