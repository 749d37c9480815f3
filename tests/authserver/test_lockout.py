"""After five failed logins, a pair of user and address is locked for a minute."""

import asyncio
from datetime import timedelta

import httpx
import pytest
from pico_ioc import PicoContainer
from pico_sqlalchemy import SessionManager
from sqlalchemy import insert, select, update

from authserver.login.lockout import Lockout
from authserver.login.models import LoginAttempts
from myapp.platform.database.types import utc_now

from .conftest import PASSWORD, AddUser, StartAuthServer, client_of, login


async def fail(client: httpx.AsyncClient, username: str, times: int) -> None:
    for _ in range(times):
        assert (await login(client, username, "wrong")).status_code == 401


async def age_attempts(container: PicoContainer, seconds: float) -> None:
    """Make all attempts older by this time."""
    async with container.get(SessionManager).engine.begin() as connection:
        for row in (await connection.execute(select(LoginAttempts.__table__))).all():
            statement = update(LoginAttempts).where(LoginAttempts.username_folded == row.username_folded)
            await connection.execute(statement.values(updated_at=row.updated_at - timedelta(seconds=seconds)))


async def attempts(container: PicoContainer) -> dict[str, int]:
    async with container.get(SessionManager).engine.connect() as connection:
        rows = await connection.execute(select(LoginAttempts.username_folded, LoginAttempts.failures))
        return {row.username_folded: row.failures for row in rows}


class TestLock:
    @pytest.mark.parametrize("username", ["alice", "nobody"])
    async def test_the_sixth_try_is_refused_with_any_password(
        self, client: httpx.AsyncClient, add_user: AddUser, username: str
    ) -> None:
        await add_user()
        await fail(client, username, 5)
        for password in ("wrong", PASSWORD):
            response = await login(client, username.upper(), password)
            assert response.status_code == 429
            assert response.json()["code"] == "login_locked"
            assert 50 <= int(response.headers["retry-after"]) <= 60

    async def test_other_users_and_other_addresses_are_not_locked(
        self, client: httpx.AsyncClient, container: PicoContainer, add_user: AddUser
    ) -> None:
        await add_user()
        await add_user("bob")
        await fail(client, "alice", 5)
        assert (await login(client, "bob")).status_code == 200
        async with client_of(container, "2001:db8::2") as elsewhere:
            assert (await login(elsewhere)).status_code == 200
        assert (await login(client)).status_code == 429

    async def test_a_success_in_time_starts_the_count_anew(self, client: httpx.AsyncClient, add_user: AddUser) -> None:
        await add_user()
        for _ in range(2):
            await fail(client, "alice", 4)
            assert (await login(client)).status_code == 200

    async def test_it_ends_after_a_minute(
        self, client: httpx.AsyncClient, container: PicoContainer, add_user: AddUser
    ) -> None:
        await add_user()
        await fail(client, "alice", 5)
        await age_attempts(container, 57)
        response = await login(client)
        assert response.status_code == 429
        assert int(response.headers["retry-after"]) <= 3
        await age_attempts(container, 3)
        await fail(client, "alice", 4)
        assert (await login(client)).status_code == 200

    async def test_a_try_while_locked_does_not_prolong_it(
        self, client: httpx.AsyncClient, container: PicoContainer, add_user: AddUser
    ) -> None:
        await add_user()
        await fail(client, "alice", 5)
        await age_attempts(container, 30)
        assert (await login(client)).status_code == 429
        await age_attempts(container, 30)
        assert (await login(client)).status_code == 200

    async def test_a_restart_does_not_end_it(
        self, client: httpx.AsyncClient, add_user: AddUser, start: StartAuthServer
    ) -> None:
        await add_user()
        await fail(client, "alice", 5)
        async with client_of(start({})) as restarted:
            assert (await login(restarted)).status_code == 429


class TestConcurrency:
    @pytest.mark.parametrize("username", ["alice", "nobody"])
    async def test_of_twenty_wrong_logins_at_once_five_are_looked_at(
        self, container: PicoContainer, add_user: AddUser, start: StartAuthServer, username: str
    ) -> None:
        await add_user()
        async with client_of(container) as one, client_of(start({})) as other:
            responses = await asyncio.gather(
                *(login(client, username, "wrong") for _ in range(10) for client in (one, other))
            )
        assert sorted(response.status_code for response in responses) == [401] * 5 + [429] * 15

    async def test_twenty_right_logins_at_once_all_succeed(self, client: httpx.AsyncClient, add_user: AddUser) -> None:
        await add_user()
        responses = await asyncio.gather(*(login(client) for _ in range(20)))
        assert {response.status_code for response in responses} == {200}

    async def test_twenty_users_at_once_are_counted_each(
        self, client: httpx.AsyncClient, container: PicoContainer
    ) -> None:
        names = [f"user{number}" for number in range(20)]
        await asyncio.gather(*(login(client, name, "wrong") for name in names))
        assert await attempts(container) == dict.fromkeys(names, 1)


class TestTable:
    async def test_it_holds_no_success(
        self, client: httpx.AsyncClient, container: PicoContainer, add_user: AddUser
    ) -> None:
        await add_user()
        await login(client)
        assert await attempts(container) == {}

    async def test_old_rows_are_deleted(
        self, client: httpx.AsyncClient, container: PicoContainer, start: StartAuthServer
    ) -> None:
        now = utc_now()
        ages = {"old": 61, "older": 3600, "recent": 30}
        rows = [
            {
                "username_folded": name,
                "address": "192.0.2.1",
                "failures": 5,
                "updated_at": now - timedelta(seconds=age),
            }
            for name, age in ages.items()
        ]
        async with container.get(SessionManager).engine.begin() as connection:
            await connection.execute(insert(LoginAttempts), rows)
        async with client_of(start({})) as restarted:
            await login(restarted, "nobody")
        assert await attempts(container) == {"recent": 5, "nobody": 1}

    async def test_a_sweep_is_rare(self, container: PicoContainer, start: StartAuthServer) -> None:
        lockout = start({}).get(Lockout)
        await lockout.sweep()
        await lockout.claim("old", "")
        await age_attempts(container, 61)
        await lockout.sweep()
        assert await attempts(container) == {"old": 1}


class TestAddress:
    @pytest.mark.parametrize(("trusted", "status"), [([], 429), (["192.0.2.1"], 200)])
    async def test_a_forwarded_one_counts_from_a_trusted_proxy_only(
        self, add_user: AddUser, start: StartAuthServer, trusted: list[str], status: int
    ) -> None:
        await add_user()
        behind_proxy = start({"AUTHSERVER__WEB__TRUSTED_PROXIES": str(trusted).replace("'", '"')})
        async with client_of(behind_proxy) as client:
            client.headers["X-Forwarded-For"] = "198.51.100.1"
            await fail(client, "alice", 5)
            client.headers["X-Forwarded-For"] = "198.51.100.2"
            assert (await login(client)).status_code == status

    async def test_an_absurdly_long_one_is_cut(self, start: StartAuthServer) -> None:
        behind_proxy = start({"AUTHSERVER__WEB__TRUSTED_PROXIES": '["*"]'})
        async with client_of(behind_proxy) as client:
            client.headers["X-Forwarded-For"] = "1" * 1000
            await fail(client, "nobody", 1)
