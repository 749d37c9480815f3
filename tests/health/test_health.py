"""Liveness and readiness: public, without internal details."""

import asyncio
import logging

import httpx
import pytest
from fastapi import FastAPI
from pico_ioc import PicoContainer
from pico_sqlalchemy import SessionManager
from sqlalchemy import make_url, text

from myapp.health.repositories import SchemaRepository
from myapp.platform.errors import DatabaseUnavailableError

from ..conftest import client_of
from ..fixture_types import StartContainer
from ..issuer import Issuer
from ..platform.web.problems import assert_problem

LIVE = "/api/v1/health"
READY = "/api/v1/health/ready"


@pytest.mark.one_database
class TestHealth:
    async def test_is_public(self, anonymous: httpx.AsyncClient) -> None:
        response = await anonymous.get(LIVE)
        assert (response.status_code, response.json()) == (200, {"status": "ok"})

    async def test_does_not_look_at_a_token(self, anonymous: httpx.AsyncClient) -> None:
        response = await anonymous.get(LIVE, headers={"Authorization": "Bearer nonsense"})
        assert response.status_code == 200

    async def test_refuses_unknown_parameters(self, anonymous: httpx.AsyncClient) -> None:
        assert_problem(await anonymous.get(LIVE, params={"verbose": "1"}), 422, "validation_failed")

    async def test_touches_nothing(self, start: StartContainer, database_url: str) -> None:
        container = start({"DATABASE__URL": database_url, "AUTH_CLIENT__ISSUER": "http://127.0.0.1:9"})
        await container.get(SessionManager).engine.dispose()
        async with client_of(container.get(FastAPI)) as client:
            assert (await client.get(LIVE)).status_code == 200
        assert container.get(SessionManager).engine.pool.checkedin() == 0


class TestReady:
    async def test_is_public(self, anonymous: httpx.AsyncClient) -> None:
        response = await anonymous.get(READY)
        assert (response.status_code, response.json()) == (200, {"status": "up"})

    async def test_is_down_before_the_migrations(
        self, start: StartContainer, database_url: str, caplog: pytest.LogCaptureFixture
    ) -> None:
        container = start({"DATABASE__URL": database_url})
        async with container.get(SessionManager).engine.begin() as connection:
            await connection.execute(text("UPDATE alembic_version SET version_num = '0001'"))
        await self.assert_down(container, "migrations (the schema has revision", caplog)

    async def test_is_down_without_a_schema(
        self, start: StartContainer, database_url: str, caplog: pytest.LogCaptureFixture
    ) -> None:
        container = start({"DATABASE__URL": database_url})
        async with container.get(SessionManager).engine.begin() as connection:
            await connection.execute(text("DROP TABLE alembic_version"))
        await self.assert_down(container, "migrations (the schema has revision", caplog)

    async def test_is_down_while_the_database_does_not_answer(
        self, start: StartContainer, database_url: str, caplog: pytest.LogCaptureFixture
    ) -> None:
        class Unreachable(SchemaRepository):
            def __init__(self) -> None: ...

            async def revisions(self) -> tuple[str, ...]:
                raise DatabaseUnavailableError

        container = start({"DATABASE__URL": database_url}, overrides={SchemaRepository: Unreachable()})
        await self.assert_down(container, "database", caplog)

    @pytest.mark.parametrize("database_kind", ["postgresql"], indirect=True)
    async def test_is_down_while_the_server_takes_no_writes(
        self, start: StartContainer, database_url: str, caplog: pytest.LogCaptureFixture
    ) -> None:
        """No request but this one makes the service leave the old server after a failover."""
        database = make_url(database_url).database
        engine = start({"DATABASE__URL": database_url}).get(SessionManager).engine
        container = start({"DATABASE__URL": database_url})

        async def set_read_only(value: str) -> None:
            alter = text(f'ALTER DATABASE "{database}" SET default_transaction_read_only = {value}')
            async with engine.begin() as connection:  # a session that is open can write
                await connection.execute(alter)

        await set_read_only("on")
        await self.assert_down(container, "database", caplog)
        await set_read_only("off")  # sessions that are open stay read-only
        await asyncio.sleep(1.1)
        await self.assert_down(container, "database", caplog)
        async with client_of(container.get(FastAPI)) as client:
            assert (await client.get(READY)).status_code == 200

    async def test_is_down_without_keys_and_up_once_they_are_there(
        self,
        start: StartContainer,
        database_url: str,
        own_issuer: Issuer,
        caplog: pytest.LogCaptureFixture,
    ) -> None:
        container = start(
            {
                "DATABASE__URL": database_url,
                "AUTH_CLIENT__ISSUER": own_issuer.url,
                "AUTH__JWKS_REFRESH_PAUSE": "0.001",
            }
        )
        own_issuer.stop()
        await self.assert_down(container, "keys", caplog)
        own_issuer.start()
        async with client_of(container.get(FastAPI)) as client:
            assert (await client.get(READY)).status_code == 200
        own_issuer.stop()
        async with client_of(container.get(FastAPI)) as client:
            assert (await client.get(READY)).status_code == 200, "the keys it has are still good"

    async def test_asks_for_no_keys_where_there_is_no_authentication(
        self, start: StartContainer, database_url: str
    ) -> None:
        container = start(
            {
                "DATABASE__URL": database_url,
                "AUTH_CLIENT__ENABLED": "false",
                "AUTH_CLIENT__ISSUER": "http://127.0.0.1:9",
            }
        )
        async with client_of(container.get(FastAPI)) as client:
            assert (await client.get(READY)).status_code == 200

    async def assert_down(self, container: PicoContainer, missing: str, caplog: pytest.LogCaptureFixture) -> None:
        """The answer says only that the service is down. The log says what is missing."""
        caplog.set_level(logging.WARNING)
        async with client_of(container.get(FastAPI)) as client:
            problem = assert_problem(await client.get(READY), 503, "not_ready")
        assert problem["detail"] == "down"
        assert [message for message in caplog.messages if message.startswith(f"not ready: {missing}")]
