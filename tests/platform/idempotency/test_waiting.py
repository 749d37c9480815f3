"""Equal requests at the same time: one change, bounded waits, and connections for everybody else."""

import asyncio
from collections.abc import AsyncIterator, Awaitable
from contextlib import AsyncExitStack, asynccontextmanager
from typing import Any

import asyncpg
import httpx
import pytest
from fastapi import FastAPI
from pico_ioc import PicoContainer

from tests.conftest import client_of
from tests.databases import Databases, libpq_url
from tests.fixture_types import Create, StartContainer
from tests.issuer import Issuer
from tests.platform.web.problems import assert_problem

from .conftest import KEY, LAMP, PATIENT, PROBE, PRODUCTS, is_replay, products
from .probe import Gate, ProbeController

Key = dict[str, str]

AT_ONCE = 20

only_postgresql = pytest.mark.parametrize("database_kind", ["postgresql"], indirect=True, scope="session")


def assert_made_once(answers: list[httpx.Response], status: int = 201) -> None:
    assert {answer.status_code for answer in answers} == {status}
    assert len({answer.content for answer in answers}) == 1
    assert [is_replay(answer) for answer in answers].count(False) == 1


@asynccontextmanager
async def applications(
    start: StartContainer, issuer: Issuer, url: str, **settings: str
) -> AsyncIterator[list[tuple[httpx.AsyncClient, Gate]]]:
    """Two applications on one database, as in two processes. Each has its own gate."""
    async with AsyncExitStack() as clients:
        made: list[tuple[httpx.AsyncClient, Gate]] = []
        for _ in range(2):
            container: PicoContainer = start(PATIENT | {"DATABASE__URL": url, **settings}, modules=[PROBE])
            client = client_of(container.get(FastAPI), issuer.token(roles=["admin", "product-manager"]))
            made.append((await clients.enter_async_context(client), container.get(ProbeController).gate))
        yield made


class TestOneProcess:
    async def test_many_equal_requests_at_once_make_one_product(self, manager: httpx.AsyncClient, key: Key) -> None:
        answers = await asyncio.gather(*(manager.post(PRODUCTS, json=LAMP, headers=key) for _ in range(AT_ONCE)))
        assert_made_once(answers)
        assert len(await products(manager)) == 1

    async def test_many_equal_updates_at_once_make_one_version(
        self, manager: httpx.AsyncClient, create: Create, key: Key
    ) -> None:
        path, headers = f"{PRODUCTS}{(await create())['id']}", key | {"If-Match": '"1"'}
        answers = await asyncio.gather(*(manager.put(path, json={"stock": 7}, headers=headers) for _ in range(AT_ONCE)))
        assert_made_once(answers, 200)
        assert (await manager.get(path)).headers["etag"] == '"2"'

    async def test_a_second_request_waits_for_the_first(self, manager: httpx.AsyncClient, gate: Gate, key: Key) -> None:
        gate.shut()
        first, second = [asyncio.create_task(manager.post("/probe/held", json=LAMP, headers=key)) for _ in range(2)]
        await gate.begun.wait()
        gate.opened.set()
        assert_made_once([await first, await second])
        assert gate.calls == 1

    async def test_it_does_not_wait_for_ever(
        self, start: StartContainer, issuer: Issuer, database_url: str, key: Key
    ) -> None:
        async with applications(start, issuer, database_url, IDEMPOTENCY__WAIT="0.3") as [(client, gate), _]:
            gate.shut()
            first = asyncio.create_task(client.post("/probe/held", json=LAMP, headers=key))
            await gate.begun.wait()
            requests = [client.post("/probe/held", json=LAMP, headers=key) for _ in range(AT_ONCE)]
            for answer in await asyncio.gather(*requests):
                assert_problem(answer, 409, "idempotency_in_progress")
                assert answer.headers["retry-after"] == "1"
            gate.opened.set()
            assert_made_once([await first, await client.post("/probe/held", json=LAMP, headers=key)])
            assert gate.calls == 1

    async def test_after_a_failure_the_next_one_is_made(self, manager: httpx.AsyncClient, gate: Gate, key: Key) -> None:
        gate.shut()
        requests = [asyncio.create_task(manager.post("/probe/failing", json=LAMP, headers=key)) for _ in range(3)]
        await gate.begun.wait()
        gate.opened.set()
        assert {(await request).status_code for request in requests} == {409}
        assert gate.calls == 3
        assert await products(manager) == []

    async def test_a_request_that_is_cancelled_frees_the_key(
        self, manager: httpx.AsyncClient, gate: Gate, key: Key
    ) -> None:
        gate.shut()
        first = asyncio.create_task(manager.post("/probe/held", json=LAMP, headers=key))
        await gate.begun.wait()
        waiting = asyncio.create_task(manager.post("/probe/held", json=LAMP, headers=key))
        await asyncio.sleep(0)  # the second request begins
        first.cancel()
        await asyncio.wait([first])
        gate.opened.set()
        assert (await waiting).status_code == 201
        assert len(await products(manager)) == 1

    @only_postgresql
    async def test_requests_with_other_keys_go_on(self, manager: httpx.AsyncClient, gate: Gate, key: Key) -> None:
        """On SQLite they take turns, as all writers do."""
        gate.shut()
        first = asyncio.create_task(manager.post("/probe/held", json=LAMP, headers=key))
        await gate.begun.wait()
        assert (await manager.post(PRODUCTS, json=LAMP, headers={KEY: "other"})).status_code == 201
        gate.opened.set()
        assert (await first).status_code == 201


class TestTwoProcesses:
    async def test_the_second_waits_for_the_first(
        self, start: StartContainer, issuer: Issuer, database_url: str, key: Key
    ) -> None:
        async with applications(start, issuer, database_url) as [(one, gate), (other, _)]:
            gate.shut()
            first = asyncio.create_task(one.post("/probe/held", json=LAMP, headers=key))
            await gate.begun.wait()
            second = asyncio.create_task(other.post("/probe/held", json=LAMP, headers=key))
            await asyncio.sleep(0.1)  # the second request has reached the first one's claim
            gate.opened.set()
            assert_made_once([await first, await second])
            assert len(await products(one)) == 1

    async def test_the_second_is_made_if_the_first_fails(
        self, start: StartContainer, issuer: Issuer, database_url: str, key: Key
    ) -> None:
        async with applications(start, issuer, database_url) as [(one, gate), (other, second_gate)]:
            gate.shut()
            first = asyncio.create_task(one.post("/probe/failing", json=LAMP, headers=key))
            await gate.begun.wait()
            second = asyncio.create_task(other.post("/probe/failing", json=LAMP, headers=key))
            await asyncio.sleep(0.1)  # the second request has reached the first one's claim
            gate.opened.set()
            assert {(await first).status_code, (await second).status_code} == {409}
            assert (gate.calls, second_gate.calls) == (1, 1)

    @only_postgresql
    async def test_the_second_does_not_wait_for_ever(
        self, start: StartContainer, issuer: Issuer, database_url: str, key: Key
    ) -> None:
        """On SQLite it waits as all writers do."""
        settings = {"IDEMPOTENCY__WAIT": "0.3"}
        async with applications(start, issuer, database_url, **settings) as [(one, gate), (other, second_gate)]:
            gate.shut()
            first = asyncio.create_task(one.post("/probe/held", json=LAMP, headers=key))
            await gate.begun.wait()
            for _ in range(2):
                answer = await other.post("/probe/held", json=LAMP, headers=key)
                assert_problem(answer, 409, "idempotency_in_progress")
            assert second_gate.calls == 0
            gate.opened.set()
            assert_made_once([await first, await other.post("/probe/held", json=LAMP, headers=key)])

    async def test_many_in_both(self, start: StartContainer, issuer: Issuer, database_url: str, key: Key) -> None:
        async with applications(start, issuer, database_url) as [(one, _), (other, _)]:
            requests = [client.post(PRODUCTS, json=LAMP, headers=key) for client in (one, other) for _ in range(10)]
            assert_made_once(await asyncio.gather(*requests))
            assert len(await products(one)) == 1


SMALL = {"DATABASE__POOL_SIZE": "4", "ENGINE__POOL_TIMEOUT": "5"}
"""A request waits for a connection much shorter than one with a key waits for an equal one, or for a row."""


@pytest.mark.slow
@only_postgresql
class TestConnections:
    """A pool of four connections."""

    async def answer_at_once(self, client: httpx.AsyncClient) -> None:
        for _ in range(5):
            answers = [client.get("/api/v1/me"), client.post(PRODUCTS, json=LAMP), client.get(PRODUCTS)]
            assert {answer.status_code for answer in await asyncio.gather(*answers)} == {200, 201}

    async def test_are_there_for_others_while_requests_wait_for_another_process(
        self, start: StartContainer, issuer: Issuer, database_url: str
    ) -> None:
        """The process of the first requests holds twelve keys."""
        keys = [{KEY: str(number)} for number in range(12)]
        async with applications(start, issuer, database_url) as [(one, gate), _]:
            gate.shut()
            running = asyncio.gather(*(one.post("/probe/held", json=LAMP, headers=key) for key in keys))
            await gate.begun.wait()
            async with applications(start, issuer, database_url, **SMALL) as [(other, _), _]:
                waiting = asyncio.gather(
                    *(other.post("/probe/held", json=LAMP, headers=key) for key in keys for _ in range(5))
                )
                await asyncio.sleep(0.2)  # all of them wait by now
                await self.answer_at_once(other)
                assert not waiting.done()
                gate.opened.set()
                await running
                assert {answer.status_code for answer in await waiting} <= {201, 409, 503}

    async def test_are_there_for_others_while_a_row_is_locked(
        self, start: StartContainer, issuer: Issuer, database_url: str
    ) -> None:
        async with applications(start, issuer, database_url, **SMALL) as [(client, _), _]:
            path = (await client.post(PRODUCTS, json=LAMP)).headers["location"]
            connection = await asyncpg.connect(libpq_url(database_url))
            async with connection.transaction():
                await connection.execute("SELECT * FROM products FOR UPDATE")
                changes: list[Awaitable[Any]] = [
                    client.put(path, json={"stock": number}, headers={KEY: str(number)}) for number in range(20)
                ]
                changing = asyncio.gather(*changes)
                await asyncio.sleep(0.2)  # all of them wait by now
                await self.answer_at_once(client)
                assert not changing.done()
            await connection.close()
            assert {answer.status_code for answer in await changing} <= {200, 503}
            assert (await client.put(path, json={"stock": 0}, headers={KEY: "0"})).status_code == 200

    async def test_have_their_own_time_limit_for_rows(
        self, start: StartContainer, issuer: Issuer, database_url: str, key: Key
    ) -> None:
        """The wait for the key is short, the wait for the row is that of every request."""
        async with applications(start, issuer, database_url, IDEMPOTENCY__WAIT="0.01") as [(client, _), _]:
            path = (await client.post(PRODUCTS, json=LAMP)).headers["location"]
            connection = await asyncpg.connect(libpq_url(database_url))
            async with connection.transaction():
                await connection.execute("SELECT * FROM products FOR UPDATE")
                change = asyncio.create_task(client.put(path, json={"stock": 7}, headers=key))
                await asyncio.sleep(0.3)  # longer than the limit of a claim, shorter than that of a row
            await connection.close()
            assert (await change).status_code == 200


async def test_an_application_can_have_one_connection(
    start: StartContainer, issuer: Issuer, database_kind: str, databases: Databases, key: Key
) -> None:
    settings = {"DATABASE__URL": databases.migrated(database_kind), "DATABASE__POOL_SIZE": "1"}
    async with client_of(start(settings).get(FastAPI), issuer.token("product-manager")) as client:
        requests = [client.post(PRODUCTS, json=LAMP, headers={KEY: str(number % 3)}) for number in range(9)]
        assert {answer.status_code for answer in await asyncio.gather(*requests)} == {201}
        assert len(await products(client)) == 3
