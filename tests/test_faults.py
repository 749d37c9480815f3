"""What a running server does when its surroundings fail: no request hangs, none is lost, and it recovers by itself."""

import asyncio
import signal
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import httpx
import pytest
from sqlalchemy import make_url

from .databases import Databases
from .issuer import Issuer
from .processes import Server, serving
from .proxy import Proxy
from .web.problems import assert_problem

PRODUCTS = "/api/v1/products/"
LAMP = {"name": "Lamp", "price": 9.5, "stock": 1}
LIMIT = 5.0
"""Seconds within which every request is answered."""


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
        with serving(environment, tmp_path_factory.mktemp("server") / "log") as server:
            yield server

    @pytest.fixture(autouse=True)
    def mended_afterwards(self, proxy: Proxy) -> Iterator[None]:
        yield
        proxy.resume()

    async def test_two_hundred_requests_at_once_on_a_pool_of_five(self, server: Server, issuer: Issuer) -> None:
        async with client_of(server, issuer) as client:
            requests = [client.post(PRODUCTS, json=LAMP) if n % 4 == 0 else client.get(PRODUCTS) for n in range(200)]
            answers = await asyncio.gather(*map(timed, requests))
        assert {response.status_code for response, _ in answers} == {200, 201}

    async def test_stopped_and_started(self, server: Server, proxy: Proxy, issuer: Issuer) -> None:
        async with client_of(server, issuer) as client:
            for _ in range(3):
                proxy.stop()
                requests = [client.get(PRODUCTS), client.post(PRODUCTS, json=LAMP), client.get(f"{PRODUCTS}1")] * 5
                requests = [
                    request for _ in range(5) for request in (client.get(PRODUCTS), client.post(PRODUCTS, json=LAMP))
                ]
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


class TestRestart:
    """Of PostgreSQL itself, under load."""


class TestConnectionLimit:
    async def test_no_more_connections_for_us(self, databases: Databases, issuer: Issuer, tmp_path: Path) -> None: ...


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
        self, database_url: str, issuer: Issuer, tmp_path: Path
    ) -> None:
        environment = {"DATABASE__URL": database_url, "AUTH_CLIENT__ISSUER": issuer.url}
        acknowledged: set[int] = set()

        async def write(client: httpx.AsyncClient) -> None:
            while True:
                try:
                    response = await client.post(PRODUCTS, json=LAMP)
                except httpx.TransportError:
                    return
                assert response.status_code == 201, response.text
                acknowledged.add(response.json()["id"])

        with serving(environment, tmp_path / "log-1") as server:
            async with client_of(server, issuer) as client, asyncio.TaskGroup() as writers:
                for _ in range(8):
                    writers.create_task(write(client))
                while len(acknowledged) < 100:
                    await asyncio.sleep(0.01)
                server.kill()
        with serving(environment, tmp_path / "log-2") as server:
            async with client_of(server, issuer) as client:
                found = {product["id"] for product in (await client.get(PRODUCTS)).json()}
                assert acknowledged <= found
                assert (await client.post(PRODUCTS, json=LAMP)).status_code == 201


class TestSqlite:
    async def test_thirty_two_writers(self, databases: Databases, issuer: Issuer, tmp_path: Path) -> None:
        """Four processes, each with a pool of its own, share one file."""
        environment = {"DATABASE__URL": databases.migrated("sqlite"), "AUTH_CLIENT__ISSUER": issuer.url}
        with serving(environment, tmp_path / "log", "--workers", "2") as server:
            async with client_of(server, issuer, http1=True) as client:
                for _ in range(5):
                    answers = await asyncio.gather(*(client.post(PRODUCTS, json=LAMP) for _ in range(32)))
                    assert {response.status_code for response in answers} == {201}
                assert len((await client.get(PRODUCTS)).json()) == 5 * 32
        assert "locked" not in server.output
        assert "Traceback" not in server.output
