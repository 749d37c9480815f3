"""Every route and every process refuses a deactivated user within ``users.status_ttl`` seconds."""

import asyncio
import time
from collections.abc import Iterator
from uuid import UUID

import httpx
import pytest
from fastapi import FastAPI
from pico_ioc import PicoContainer
from sqlalchemy import make_url

from myapp.platform.auth.status import CallerStatus
from myapp.platform.context.claims import Caller
from myapp.platform.errors import DatabaseUnavailableError
from myapp.users.models import User
from myapp.users.services import ProfileService, UserService

from ..conftest import client_of
from ..databases import Databases
from ..fixture_types import Connect, StartContainer
from ..issuer import Issuer
from ..platform.web.problems import assert_problem
from ..proxy import Proxy
from .conftest import ME, USERS, new_subject, recorded_statements

NOWHERE = "/nowhere"
"""A path that needs a valid token but no query."""


async def set_active(container: PicoContainer, user_id: UUID, active: bool) -> None:
    await container.get(UserService).update(user_id, {"is_active": active})  # type: ignore[arg-type]


async def deactivated_user(container: PicoContainer) -> User:
    user = await container.get(ProfileService).get(Caller(new_subject()))
    await set_active(container, user.id, False)
    return user


async def wait_for_status(client: httpx.AsyncClient, status: int) -> httpx.Response:
    """Repeat the request until the answer has ``status``. The time limit is the one that the API promises."""
    deadline = time.monotonic() + 5
    while (response := await client.get(NOWHERE)).status_code != status:
        assert time.monotonic() < deadline
        await asyncio.sleep(0.02)
    return response


class TestRefusal:
    async def test_comes_before_the_route_its_permission_and_the_body(
        self, connect: Connect, container: PicoContainer
    ) -> None:
        """``tests/contract/test_access.py`` tests this for every route."""
        client = await connect("admin", sub=(await deactivated_user(container)).subject)
        for method, path in (
            ("GET", ME),
            ("PATCH", ME),
            ("GET", USERS),
            ("POST", "/api/v1/products/"),
            ("GET", NOWHERE),
        ):
            response = await client.request(method, path, content=b"{")
            problem = assert_problem(response, 403, "user_inactive")
            assert problem["detail"] == "This user was deactivated."

    async def test_comes_after_the_token_was_checked(
        self, app: FastAPI, container: PicoContainer, issuer: Issuer
    ) -> None:
        token = issuer.token("viewer", sub=(await deactivated_user(container)).subject, exp=1)
        async with client_of(app, token) as client:
            assert_problem(await client.get(ME), 401, "invalid_token")

    async def test_has_no_say_on_public_routes(self, connect: Connect, container: PicoContainer) -> None:
        client = await connect(sub=(await deactivated_user(container)).subject)
        for path in ("/api/v1/health", "/api/v1/health/ready", "/openapi.json", "/docs"):
            assert (await client.get(path)).status_code == 200

    async def test_meets_nobody_who_was_never_seen(self, connect: Connect) -> None:
        assert (await (await connect()).get("/api/v1/products/")).status_code == 200

    async def test_ends_when_the_user_is_activated_or_deleted(
        self, start: StartContainer, database_url: str, issuer: Issuer
    ) -> None:
        container = start({"DATABASE__URL": database_url, "USERS__STATUS_TTL": "0.1"})
        user = await deactivated_user(container)
        async with client_of(container.get(FastAPI), issuer.token("viewer", sub=user.subject)) as client:
            await wait_for_status(client, 403)
            await set_active(container, user.id, True)
            await wait_for_status(client, 404)
            await set_active(container, user.id, False)
            await wait_for_status(client, 403)
            await container.get(UserService).delete(user.id)
            await wait_for_status(client, 404)


class TestProcesses:
    async def test_what_one_decides_another_follows(
        self, start: StartContainer, database_url: str, issuer: Issuer
    ) -> None:
        settings = {"DATABASE__URL": database_url, "USERS__STATUS_TTL": "0.1"}
        here, there = (start(settings).get(FastAPI) for _ in range(2))
        token = issuer.token("viewer", sub=new_subject())
        async with client_of(here, issuer.token("admin")) as admin, client_of(there, token) as user:
            path = f"{USERS}/{(await user.get(ME)).json()['id']}"
            await wait_for_status(user, 404)
            assert (await admin.patch(path, json={"is_active": False})).status_code == 200
            assert_problem(await wait_for_status(user, 403), 403, "user_inactive")
            assert (await admin.patch(path, json={"is_active": True})).status_code == 200
            await wait_for_status(user, 404)


class TestCost:
    @pytest.fixture
    def started(self, start: StartContainer, database_url: str) -> PicoContainer:
        """Start an application whose status cache holds two entries."""
        return start({"DATABASE__URL": database_url, "USERS__STATUS_TTL": "5", "USERS__STATUS_CACHE_SIZE": "2"})

    async def test_is_one_read_however_many_requests_come_at_once(self, started: PicoContainer, issuer: Issuer) -> None:
        async with client_of(started.get(FastAPI), issuer.token("viewer", sub=new_subject())) as client:
            with recorded_statements(started) as sent:
                answers = await asyncio.gather(*(client.get(NOWHERE) for _ in range(20)))
                await client.get(NOWHERE)
            assert {answer.status_code for answer in answers} == {404}
        assert len(sent) == 1
        assert "users.subject = " in sent[0]

    async def test_is_bounded_in_memory(self, started: PicoContainer) -> None:
        status = started.get(CallerStatus)
        with recorded_statements(started) as sent:
            for subject in ("a", "b", "c", "b", "c", "a"):
                assert await status.is_active(subject)
        assert len(sent) == 4


class TestDatabaseIsDown:
    @pytest.fixture
    def proxy(self, databases: Databases) -> Iterator[Proxy]:
        with Proxy(make_url(databases.migrated("postgresql"))) as proxy:
            yield proxy

    @pytest.mark.parametrize("way", ["stopped", "silent"])
    async def test_the_last_answer_counts_for_a_while(self, start: StartContainer, proxy: Proxy, way: str) -> None:
        """The test below shows the end of that time. A caller without a cached status gets 503 with Retry-After."""
        limits = {"ENGINE__COMMAND_TIMEOUT": "0.3", "ENGINE__CONNECT_TIMEOUT": "0.3"}
        container = start({"DATABASE__URL": proxy.url, "USERS__STATUS_TTL": "0.01", **limits})
        status = container.get(CallerStatus)
        user = await deactivated_user(container)
        good, bad = new_subject(), user.subject
        assert [await status.is_active(good), await status.is_active(bad)] == [True, False]
        await set_active(container, user.id, True)
        proxy.stop() if way == "stopped" else proxy.stall()
        for _ in range(2):
            answers = await asyncio.gather(*(status.is_active(subject) for subject in (good, bad) * 10))
            assert answers == [True, False] * 10
        with pytest.raises(DatabaseUnavailableError):
            await status.is_active(new_subject())
        proxy.start() if way == "stopped" else proxy.resume()
        async with asyncio.timeout(5):
            while not await status.is_active(bad):  # noqa: ASYNC110 - what it waits for is another's connection
                await asyncio.sleep(0.02)

    async def test_it_counts_no_longer_than_the_setting_says(
        self, start: StartContainer, proxy: Proxy, issuer: Issuer
    ) -> None:
        container = start({"DATABASE__URL": proxy.url, "USERS__STATUS_TTL": "0.01", "USERS__STATUS_GRACE": "0.02"})
        async with client_of(container.get(FastAPI), issuer.token("viewer")) as client:
            assert (await client.get(NOWHERE)).status_code == 404
            proxy.stop()
            await asyncio.sleep(0.03)
            assert_problem(await client.get(NOWHERE), 503, "database_unavailable")
            assert (await client.get("/api/v1/health")).status_code == 200
            proxy.start()
            assert (await client.get(NOWHERE)).status_code == 404
