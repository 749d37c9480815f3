"""The feed of several server processes: nothing is lost or repeated, and a process that stops lets its readers go."""

import asyncio
import sys
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from pathlib import Path
from random import Random
from typing import Any

import httpx
import pytest

from ..databases import free_port
from ..issuer import Issuer
from ..processes import LIVENESS, Process, Server, serving
from .reader import FEED, PATIENCE

pytestmark = [pytest.mark.slow, pytest.mark.usefixtures("without_coverage")]

WRITERS, READERS, PRODUCTS = 16, 8, 12
PRODUCTS_PATH = "/api/v1/products/"

Told = tuple[str, int]
"""The id of a product and its version."""


@pytest.fixture
def environment(database_url: str, issuer: Issuer, folders: dict[str, str]) -> dict[str, str]:
    return folders | {"DATABASE__URL": database_url, "AUTH_CLIENT__ISSUER": issuer.url}


@pytest.fixture
def servers(environment: dict[str, str], tmp_path: Path) -> Iterator[list[Server]]:
    with serving(environment, tmp_path / "one") as one, serving(environment, tmp_path / "two") as two:
        yield [one, two]


@asynccontextmanager
async def client_of(url: str, token: str) -> AsyncIterator[httpx.AsyncClient]:
    headers = {"Authorization": f"Bearer {token}"}
    async with httpx.AsyncClient(base_url=url, headers=headers, timeout=120, trust_env=False) as client:
        yield client


async def write(client: httpx.AsyncClient, random: Random) -> list[Told]:
    """Create, change and delete products. Return what was acknowledged."""
    written: list[Told] = []
    for number in range(PRODUCTS):
        created = (await client.post(PRODUCTS_PATH, json={"name": f"Lamp {number}", "price": 1, "stock": 99})).json()
        path, version = f"{PRODUCTS_PATH}{created['id']}", 1
        for stock in range(random.randrange(3)):
            version += 1
            changed = await client.put(path, json={"stock": 50 + stock})
            assert changed.headers["etag"] == f'"{version}"'
        if random.random() < 0.3:
            version += 1
            assert (await client.delete(path)).status_code == 204
        written += [(str(created["id"]), each) for each in range(1, version + 1)]
    return written


class Goal:
    """How many events a reader has to see. It is known when the writers have finished.

    A reader goes on for a moment then: it must not get more. Transactions of other tests can hide events for longer.
    """

    def __init__(self) -> None:
        self.count = sys.maxsize

    def is_reached(self, seen: list[Told]) -> bool:
        return len(seen) >= self.count


async def follow(client: httpx.AsyncClient, random: Random, goal: Goal) -> list[Told]:
    seen: list[Told] = []
    cursor: dict[str, str] = {}
    while True:
        query: dict[str, Any] = {**cursor, "limit": random.choice([1, 7, 50, 200]), "wait": 1}
        response = await client.get(FEED, params=query)
        assert response.status_code == 200, response.text
        page = response.json()
        seen += [(event["aggregate_id"], event["version"]) for event in page["items"]]
        cursor = {"after": page["next"]}
        if goal.is_reached(seen) and not page["items"]:
            return seen


async def stream(client: httpx.AsyncClient, random: Random, goal: Goal) -> list[Told]:
    """Follow the feed as a stream. Connect again now and then."""
    seen: list[Told] = []
    last = ""
    while True:
        headers = {"Accept": "text/event-stream", **({"Last-Event-ID": last} if last else {})}
        before = len(seen)
        async with client.stream("GET", FEED, headers=headers) as response:
            stop_after = random.randrange(20, 200)
            event, version = "", 0
            try:
                lines = response.aiter_lines().__aiter__()
                while len(seen) - before < stop_after:
                    async with asyncio.timeout(1):
                        line = await anext(lines)
                    if line.startswith("data: "):
                        told = httpx.Response(200, content=line[6:]).json()
                        event, version = told["aggregate_id"], told["version"]
                    elif line.startswith("id: "):
                        last = line[4:]
                    elif not line and event:
                        seen.append((event, version))
                        event = ""
            except TimeoutError:
                if goal.is_reached(seen):
                    return seen


async def test_readers_lose_nothing_and_get_nothing_twice(servers: list[Server], issuer: Issuer) -> None:
    """The writers and the readers are in both processes."""
    token = issuer.token(roles=["admin", "product-manager"])
    goal = Goal()
    async with client_of(servers[0].url, token) as one, client_of(servers[1].url, token) as two:
        clients = [one, two]
        writing = [asyncio.create_task(write(clients[n % 2], Random(n))) for n in range(WRITERS)]
        reading = [
            asyncio.create_task((stream if n % 4 == 3 else follow)(clients[n // 2 % 2], Random(n), goal))
            for n in range(READERS)
        ]
        written = [told for part in await asyncio.gather(*writing) for told in part]
        goal.count = len(written)
        async with asyncio.timeout(PATIENCE):
            results = await asyncio.gather(*reading)
        for seen in results:
            assert len(seen) == len(set(seen))
            assert set(seen) == set(written)
            for id in {id for id, _ in written}:
                versions = [version for each, version in seen if each == id]
                assert versions == sorted(versions)
    for server in servers:
        assert "Traceback" not in server.output


@pytest.mark.parametrize("workers", [0, 2])
@pytest.mark.parametrize("database_kind", ["sqlite"], indirect=True, scope="session")
async def test_a_process_that_stops_answers_who_waits(
    environment: dict[str, str], issuer: Issuer, tmp_path: Path, workers: int
) -> None:
    """Both of `uvicorn main:app` and of `products-api serve --workers`."""
    port = free_port()
    command = [sys.executable, "-m", "uvicorn", "main:app", "--port", str(port)]
    if workers:
        command = [sys.executable, "-m", "myapp.cli", "serve", "--port", str(port), "--workers", str(workers)]
    process = Process(command, environment, tmp_path / "output")
    try:
        async with client_of(f"http://127.0.0.1:{port}", issuer.token("product-manager")) as client:
            await until_it_serves(client, process)
            after = (await client.get(FEED)).json()["next"]
            headers = {"Accept": "text/event-stream"}
            async with client.stream("GET", FEED, params={"after": after}, headers=headers) as response:
                lines = response.aiter_lines()
                waiting = asyncio.create_task(client.get(FEED, params={"after": after, "wait": 30}))
                await asyncio.sleep(1)  # both requests wait in the server by then
                loop = asyncio.get_running_loop()
                begin = loop.time()
                process.terminate()
                answer = await waiting
                assert (answer.status_code, answer.json()) == (200, {"items": [], "next": after})
                assert [line async for line in lines if line.startswith("data")] == []
        await asyncio.to_thread(process.wait)
        assert loop.time() - begin < 20  # it would wait for 30 seconds, or for the token's end
    finally:
        if process.running:
            process.kill()
    assert "Traceback" not in process.output


async def until_it_serves(client: httpx.AsyncClient, process: Process) -> None:
    async with asyncio.timeout(90):
        while True:
            assert process.running, process.output
            try:
                if (await client.get(LIVENESS)).status_code == 200:
                    return
            except httpx.TransportError:
                await asyncio.sleep(0.1)  # the server tells nobody that it listens
