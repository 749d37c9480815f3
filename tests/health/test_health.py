"""Liveness and readiness: public, without internal details."""

import asyncio
import logging
import os
import shutil
from collections.abc import Iterator

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
from ..platform.database.conftest import execute, new_roles, only_postgresql, only_sqlite
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
        await assert_down(container, "migrations (the schema has revision", caplog)

    async def test_is_down_without_a_schema(
        self, start: StartContainer, database_url: str, caplog: pytest.LogCaptureFixture
    ) -> None:
        container = start({"DATABASE__URL": database_url})
        async with container.get(SessionManager).engine.begin() as connection:
            await connection.execute(text("DROP TABLE alembic_version"))
        await assert_down(container, "migrations (the schema has revision", caplog)

    async def test_is_down_while_the_database_does_not_answer(
        self, start: StartContainer, database_url: str, caplog: pytest.LogCaptureFixture
    ) -> None:
        class Unreachable(SchemaRepository):
            def __init__(self) -> None: ...

            async def missing(self) -> list[str]:
                raise DatabaseUnavailableError

        container = start({"DATABASE__URL": database_url}, overrides={SchemaRepository: Unreachable()})
        await assert_down(container, "database", caplog)

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
        await assert_down(container, "database (", caplog)
        await set_read_only("off")  # sessions that are open stay read-only
        await asyncio.sleep(1.1)  # a connection younger than RECONNECT_PAUSE is kept
        async with client_of(container.get(FastAPI)) as client:
            assert [(await client.get(READY)).status_code for _ in range(2)] == [503, 200]

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
        await assert_down(container, "keys", caplog)
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


class TestRights:
    """Readiness asks for what requests need, not only whether the database answers."""

    @pytest.fixture
    def restricted(self, database_url: str) -> Iterator[str]:
        """The URL of the database for a role that may do everything but change the schema."""
        with new_roles() as create:
            url = create(database_url)
            grant_all(database_url, url)
            yield url

    @only_postgresql
    async def test_is_up_for_a_role_that_may_only_use_the_tables(self, start: StartContainer, restricted: str) -> None:
        async with client_of(start({"DATABASE__URL": restricted}).get(FastAPI)) as client:
            assert (await client.get(READY)).status_code == 200

    @only_postgresql
    async def test_is_up_with_the_least_rights(self, start: StartContainer, database_url: str, restricted: str) -> None:
        role = make_url(restricted).username
        execute(
            database_url,
            f'REVOKE ALL ON events, alembic_version FROM "{role}"',
            f'GRANT SELECT ON alembic_version TO "{role}"',
            f'GRANT SELECT, INSERT ON events TO "{role}"',
            f'REVOKE DELETE ON reports, event_counts FROM "{role}"',
        )
        async with client_of(start({"DATABASE__URL": restricted}).get(FastAPI)) as client:
            assert (await client.get(READY)).status_code == 200

    @only_postgresql
    async def test_is_down_for_a_role_that_lacks_one(
        self,
        start: StartContainer,
        database_url: str,
        restricted: str,
        caplog: pytest.LogCaptureFixture,
        subtests: pytest.Subtests,
    ) -> None:
        container = start({"DATABASE__URL": restricted})
        for statement, missing in (
            ("REVOKE ALL ON products FROM {role}", "DELETE on products, INSERT on products"),
            ("REVOKE INSERT ON events FROM {role}", "INSERT on events"),
            ("REVOKE DELETE ON users FROM {role}", "DELETE on users"),
            ("REVOKE UPDATE ON event_deliveries FROM {role}", "UPDATE on event_deliveries"),
            ("REVOKE ALL ON SEQUENCE products_id_seq FROM {role}", "USAGE on the sequence of products"),
            ("REVOKE ALL ON alembic_version FROM {role}", "SELECT on alembic_version"),
            ("DROP TABLE event_counts", "the table event_counts"),
        ):
            with subtests.test(missing):
                grant_all(database_url, restricted)
                async with client_of(container.get(FastAPI)) as client:
                    assert (await client.get(READY)).status_code == 200
                execute(database_url, statement.format(role=f'"{make_url(restricted).username}"'))
                caplog.clear()
                for _ in range(3):
                    await assert_down(container, f"database ({missing}", caplog)
                assert len([message for message in caplog.messages if "not ready" in message]) == 1


@only_sqlite
class TestFile:
    async def test_is_down_when_a_table_is_missing(
        self, start: StartContainer, database_url: str, caplog: pytest.LogCaptureFixture
    ) -> None:
        container = start({"DATABASE__URL": database_url})
        async with container.get(SessionManager).engine.begin() as connection:
            await connection.execute(text("DROP TABLE event_counts"))
        await assert_down(container, "database (the table event_counts)", caplog)

    async def test_is_down_when_it_was_deleted(
        self, start: StartContainer, database_url: str, caplog: pytest.LogCaptureFixture
    ) -> None:
        container = start({"DATABASE__URL": database_url})
        file = make_url(database_url).database or ""
        os.rename(file, f"{file}.away")
        await assert_down(container, f"database ({file} was deleted)", caplog)
        os.rename(f"{file}.away", file)
        async with client_of(container.get(FastAPI)) as client:
            assert (await client.get(READY)).status_code == 200

    async def test_is_down_when_it_was_replaced(
        self, start: StartContainer, database_url: str, caplog: pytest.LogCaptureFixture
    ) -> None:
        container = start({"DATABASE__URL": database_url})
        file = make_url(database_url).database or ""
        shutil.copy(file, f"{file}.new")
        os.rename(f"{file}.new", file)
        await assert_down(container, f"database ({file} was replaced", caplog)

    async def test_is_down_when_it_is_damaged(
        self, start: StartContainer, database_url: str, caplog: pytest.LogCaptureFixture
    ) -> None:
        container = start({"DATABASE__URL": database_url})
        shutil.copy(__file__, str(make_url(database_url).database))
        await assert_down(container, "database (", caplog)

    @pytest.mark.skipif(os.geteuid() == 0, reason="root may write every file")
    async def test_is_down_when_it_cannot_be_written(
        self, start: StartContainer, database_url: str, caplog: pytest.LogCaptureFixture
    ) -> None:
        container = start({"DATABASE__URL": database_url})
        file = make_url(database_url).database or ""
        os.chmod(file, 0o444)
        await assert_down(container, f"database ({file} cannot be read and written", caplog)


def grant_all(url: str, role_url: str) -> None:
    role = make_url(role_url).username
    execute(url, *(f'GRANT ALL ON ALL {kind} IN SCHEMA public TO "{role}"' for kind in ("TABLES", "SEQUENCES")))


async def assert_down(container: PicoContainer, missing: str, caplog: pytest.LogCaptureFixture) -> None:
    """The answer says only that the service is down. The log says what is missing."""
    caplog.set_level(logging.WARNING)
    async with client_of(container.get(FastAPI)) as client:
        problem = assert_problem(await client.get(READY), 503, "not_ready")
    assert problem["detail"] == "down"
    assert [message for message in caplog.messages if message.startswith(f"not ready: {missing}")]
