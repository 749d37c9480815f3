"""Equal requests to several server processes, and to processes that are killed."""
# ruff: noqa: ASYNC110 - the tests wait for other processes

import asyncio
import uuid
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import asyncpg
import httpx
import pytest

from tests.databases import libpq_url
from tests.issuer import Issuer
from tests.processes import Server, serving

from .conftest import KEY, LAMP, PRODUCTS, is_replay, products

pytestmark = pytest.mark.slow

WRITERS = 4
KILLS = 3

WAITING = "SELECT count(*) FROM pg_stat_activity WHERE wait_event_type = 'Lock' AND datname = current_database()"


@pytest.fixture
def environment(database_url: str, issuer: Issuer, folders: dict[str, str]) -> dict[str, str]:
    return folders | {"DATABASE__URL": database_url, "AUTH_CLIENT__ISSUER": issuer.url, "EVENTS__RELAY": "false"}


@asynccontextmanager
async def client_of(server: Server, issuer: Issuer) -> AsyncIterator[httpx.AsyncClient]:
    headers = {"Authorization": f"Bearer {issuer.token('product-manager')}"}
    limits = httpx.Limits(max_connections=None, max_keepalive_connections=0)  # a new connection may reach any worker
    async with httpx.AsyncClient(
        base_url=server.url, headers=headers, timeout=60, limits=limits, trust_env=False
    ) as client:
        yield client


async def answer_of(client: httpx.AsyncClient, key: str) -> httpx.Response:
    """Create a product and repeat the request until it is answered, as a careful client does."""
    while True:
        try:
            answer = await client.post(PRODUCTS, json=LAMP, headers={KEY: key})
        except httpx.TransportError:
            await asyncio.sleep(0.05)
            continue
        if answer.status_code not in (409, 503):
            return answer
        await asyncio.sleep(0.05)


async def assert_each_made_once(client: httpx.AsyncClient, answers: list[httpx.Response]) -> None:
    """Check that there is one product for each answer, and one event of each product."""
    assert {answer.status_code for answer in answers} == {201}
    made = [product["id"] for product in await products(client)]
    assert sorted(answer.json()["id"] for answer in answers) == sorted(made)
    for id in made:
        assert (await client.get(f"{PRODUCTS}{id}/history")).json()["total"] == 1


async def test_many_equal_requests_to_several_processes(
    environment: dict[str, str], issuer: Issuer, tmp_path: Path
) -> None:
    with serving(environment, tmp_path / "log", "--workers", "3") as server:
        async with client_of(server, issuer) as client:
            made = []
            for key in ("a", "b", "c"):
                answers = await asyncio.gather(*(answer_of(client, key) for _ in range(30)))
                assert len({answer.content for answer in answers}) == 1
                assert [is_replay(answer) for answer in answers].count(False) == 1
                made.append(answers[0])
            await assert_each_made_once(client, made)
    assert "Traceback" not in server.output


async def test_processes_that_are_killed_under_load(
    environment: dict[str, str], issuer: Issuer, tmp_path: Path
) -> None:
    """Each request is repeated until there is an answer, and is made once, wherever the kill has hit it."""
    answers: list[httpx.Response] = []
    ended = asyncio.Event()

    async def write(client: httpx.AsyncClient) -> None:
        while not ended.is_set():
            answers.append(await answer_of(client, uuid.uuid4().hex))

    server = Server(environment, tmp_path / "log0").wait_until_it_serves()
    async with client_of(server, issuer) as client, asyncio.TaskGroup() as writers:
        for _ in range(WRITERS):
            writers.create_task(write(client))
        for number in range(1, KILLS + 1):
            before = len(answers)
            while len(answers) < before + 10:
                await asyncio.sleep(0.01)
            server.kill()
            server = Server(environment, tmp_path / f"log{number}", port=server.port)
            await asyncio.to_thread(server.wait_until_it_serves)
        ended.set()
    try:
        async with client_of(server, issuer) as client:
            await assert_each_made_once(client, answers)
    finally:
        server.kill()


@pytest.mark.parametrize("database_kind", ["postgresql"], indirect=True, scope="session")
async def test_a_process_that_is_killed_in_the_middle_frees_the_key(
    environment: dict[str, str], database_url: str, issuer: Issuer, tmp_path: Path
) -> None:
    """It has claimed the key and waits for the row. The other process waits for the key."""
    key = {KEY: "a", "If-Match": '"1"'}
    patient = environment | {"ENGINE__COMMAND_TIMEOUT": "40", "IDEMPOTENCY__WAIT": "20"}
    with (
        serving(patient, tmp_path / "log1") as first,
        serving(patient, tmp_path / "log2") as second,
    ):
        async with client_of(first, issuer) as one, client_of(second, issuer) as other:
            path = (await one.post(PRODUCTS, json=LAMP)).headers["location"]
            locking = await asyncpg.connect(libpq_url(database_url))
            watching = await asyncpg.connect(libpq_url(database_url))
            async with locking.transaction():
                await locking.execute("SELECT * FROM products FOR UPDATE")
                tasks = [asyncio.create_task(one.put(path, json={"stock": 7}, headers=key))]
                while await watching.fetchval(WAITING) < 1:
                    await asyncio.sleep(0.01)
                tasks.append(asyncio.create_task(other.put(path, json={"stock": 7}, headers=key)))
                while await watching.fetchval(WAITING) < 2:
                    await asyncio.sleep(0.01)
                first.kill()
                with pytest.raises(httpx.TransportError):
                    await tasks[0]
            answer = await tasks[1]
            assert (answer.status_code, answer.headers["etag"]) == (200, '"2"')
            assert not is_replay(answer)
            assert is_replay(await other.put(path, json={"stock": 7}, headers=key))
            await locking.close()
            await watching.close()
