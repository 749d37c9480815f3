"""A transaction that lost against another one is tried once more, if that is safe."""
# ruff: noqa: ASYNC110 - a test waits for the server

import asyncio
import dataclasses
import io
from collections.abc import AsyncIterator, Callable
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any
from uuid import uuid4

import asyncpg
import httpx
import pytest
from fastapi import FastAPI
from pico_ioc import MethodCtx, PicoContainer
from pico_sqlalchemy import SessionManager
from sqlalchemy import make_url, text

from myapp.platform.database.repetition import is_value
from myapp.platform.errors import DatabaseUnavailableError
from myapp.products.models import Product
from myapp.products.schemas import ProductChanges
from tests.conftest import client_of
from tests.databases import libpq_url
from tests.issuer import Issuer
from tests.platform.web.problems import assert_problem

from .conftest import execute, lamp, only_postgresql
from .probe import OuterService, ProbeService, VictimService


@pytest.fixture
async def victim(probe_container: PicoContainer) -> VictimService:
    await probe_container.get(ProbeService).save(lamp("Lamp", stock=1))
    service: VictimService = probe_container.get(VictimService)
    service.failures, service.attempts = 1, []
    return service


@pytest.fixture
def stock(probe_container: PicoContainer) -> Callable[[], Any]:
    async def read() -> Any:
        async with probe_container.get(SessionManager).engine.connect() as connection:
            return await connection.scalar(text("SELECT stock FROM products"))

    return read


@only_postgresql
class TestSerialisationFailure:
    async def test_it_is_repeated_with_new_entities(self, victim: VictimService, stock: Callable[[], Any]) -> None:
        product = await victim.work("one", 2, None, [Decimal("3")], {"when": datetime.now(UTC)})
        assert len(victim.attempts) == 2
        assert product.description == "attempt 1", "loaded anew"
        assert await stock() == product.stock == 2, "changed once"

    async def test_the_second_failure_is_an_unavailable_database(
        self, victim: VictimService, stock: Callable[[], Any]
    ) -> None:
        victim.failures = 5
        with pytest.raises(DatabaseUnavailableError):
            await victim.work()
        assert len(victim.attempts) == 2
        assert await stock() == 1

    @pytest.mark.parametrize("method", ["validated_inside", "validated_outside"])
    async def test_the_second_call_is_validated_too(self, victim: VictimService, method: str) -> None:
        await getattr(victim, method)(data={"name": "Torch"})
        assert victim.attempts == [ProductChanges(name="Torch")] * 2

    async def test_not_inside_of_another_transaction(
        self, victim: VictimService, probe_container: PicoContainer, stock: Callable[[], Any]
    ) -> None:
        manager = probe_container.get(SessionManager)
        with pytest.raises(DatabaseUnavailableError):
            async with manager.transaction(isolation_level="REPEATABLE READ"):
                await victim.work()
        assert len(victim.attempts) == 1
        assert await stock() == 1

    async def test_the_outermost_call_is_repeated_as_a_whole(
        self, victim: VictimService, probe_container: PicoContainer, stock: Callable[[], Any]
    ) -> None:
        await probe_container.get(OuterService).work()
        assert len(victim.attempts) == 2
        assert await stock() == 2

    @pytest.mark.parametrize("argument", [lamp(), io.BytesIO(), iter([1]), print, [lamp()], {"product": lamp()}])
    async def test_not_if_the_first_call_may_have_used_an_argument(
        self, victim: VictimService, argument: object
    ) -> None:
        with pytest.raises(DatabaseUnavailableError):
            await victim.work(argument)
        assert len(victim.attempts) == 1

    async def test_not_after_another_error(self, victim: VictimService, probe_container: PicoContainer) -> None:
        probe = probe_container.get(ProbeService)
        with pytest.raises(DatabaseUnavailableError):
            await probe.save_and_fail(lamp("lost"), DatabaseUnavailableError())


@only_postgresql
class TestDeadlock:
    """A change over HTTP waits for another session, and that session for the change."""

    @pytest.fixture
    async def other(self, probe_container: PicoContainer) -> AsyncIterator[Any]:
        """A session that does not look for deadlocks, so that the service is always the victim."""
        url = probe_container.get(SessionManager).engine.url.render_as_string(hide_password=False)
        name = make_url(url).database
        execute(url, f"ALTER DATABASE \"{name}\" SET deadlock_timeout = '50ms'")  # for the connections of the service
        await probe_container.get(SessionManager).engine.dispose()
        connection = await asyncpg.connect(libpq_url(url), server_settings={"deadlock_timeout": "1min"})
        yield connection
        await connection.close()
        execute(url, f'ALTER DATABASE "{name}" RESET deadlock_timeout')
        await probe_container.get(SessionManager).engine.dispose()

    @pytest.fixture
    async def client(self, probe_container: PicoContainer, issuer: Issuer) -> AsyncIterator[httpx.AsyncClient]:
        async with client_of(probe_container.get(FastAPI), issuer.token("product-manager")) as client:
            yield client

    async def test_the_change_succeeds_once(self, client: httpx.AsyncClient, other: Any) -> None:
        product = (await client.post("/api/v1/products/", json={"name": "Lamp", "price": 9.5, "stock": 9})).json()
        path = f"/api/v1/products/{product['id']}"
        async with other.transaction():
            await other.execute("LOCK TABLE events IN EXCLUSIVE MODE")
            change = asyncio.create_task(client.put(path, json={"stock": 8}))
            await wait_for_lock(other)
            await other.execute("SELECT * FROM products FOR UPDATE")  # waits until the service has lost
        response = await change
        assert response.status_code == 200
        assert response.json()["stock"] == 8
        history = (await client.get(f"{path}/history")).json()
        assert [entry["version"] for entry in history["items"]] == [1, 2]

    async def test_the_second_deadlock_is_a_503(self, client: httpx.AsyncClient, other: Any) -> None:
        product = (await client.post("/api/v1/products/", json={"name": "Lamp", "price": 9.5, "stock": 9})).json()
        path = f"/api/v1/products/{product['id']}"
        transaction = other.transaction()
        await transaction.start()
        await other.execute("LOCK TABLE events IN EXCLUSIVE MODE")
        change = asyncio.create_task(client.put(path, json={"stock": 8}))
        for _ in range(2):
            await wait_for_lock(other)
            savepoint = other.transaction()
            await savepoint.start()
            await other.execute("SELECT * FROM products FOR UPDATE")
            await savepoint.rollback()  # the service gets the row again
        assert_problem(await change, 503, "database_unavailable")
        await transaction.rollback()
        assert (await client.put(path, json={"stock": 8})).status_code == 200


async def wait_for_lock(connection: Any) -> None:
    """Wait until another session waits for the table of events."""
    async with asyncio.timeout(5):
        while not await connection.fetchval(
            "SELECT count(*) FROM pg_locks WHERE NOT granted AND relation = 'events'::regclass"
        ):
            await asyncio.sleep(0.01)


@dataclasses.dataclass
class Holder:
    content: object


@pytest.mark.parametrize(
    ("argument", "expected"),
    [
        (None, True),
        (1, True),
        (uuid4(), True),
        (Holder(ProductChanges(stock=1)), True),
        (Holder(lamp()), False),
        ({"deep": [(lamp(),)]}, False),
        (Product, False),
        ((number for number in (1, 2)), False),
    ],
)
def test_values(argument: object, expected: bool) -> None:
    assert is_value(argument) is expected


@only_postgresql
async def test_theirs_does_not_repeat(victim: VictimService, probe_container: PicoContainer) -> None:
    """Fails as soon as pico-sqlalchemy repeats by itself, or pico-ioc lets an interceptor go on twice."""
    from pico_ioc.aop import dispatch_method
    from pico_sqlalchemy.interceptor import TransactionalInterceptor

    theirs = TransactionalInterceptor(probe_container.get(SessionManager), probe_container)
    raw = VictimService(probe_container.get(SessionManager))
    raw.failures = 1
    context = MethodCtx(
        instance=raw, cls=VictimService, method=raw.work, name="work", args=(), kwargs={}, container=probe_container
    )
    with pytest.raises(DatabaseUnavailableError):
        await dispatch_method([theirs], context)
    assert len(raw.attempts) == 1

    calls: list[str] = []

    class Twice:
        def invoke(self, context: MethodCtx, call_next: Callable[[MethodCtx], Any]) -> Any:
            call_next(context)
            return call_next(context)

    class Inner:
        def invoke(self, context: MethodCtx, call_next: Callable[[MethodCtx], Any]) -> Any:
            calls.append("inner")
            return call_next(context)

    context.method = lambda: None
    dispatch_method([Twice(), Inner()], context)
    assert len(calls) == 1
