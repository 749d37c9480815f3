"""The auth server's tables: only its migrations create them, on both kinds of database."""

import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa
from alembic import command
from alembic.config import Config
from pico_ioc import PicoContainer
from pico_sqlalchemy import AppBase, SessionManager
from pico_sqlalchemy.config import DatabaseSettings
from sqlalchemy.exc import IntegrityError

from authserver.boot import FOLDER
from authserver.login.models import LoginAttempts
from authserver.schema import AuthBase
from authserver.users.models import User
from myapp.platform.database.migrations import LockedMigrator, migration_engine

from ..databases import PATIENT, Databases


@pytest.fixture
def url(database_kind: str, databases: Databases) -> Iterator[str]:
    return databases.empty(database_kind)


def migrator(url: str) -> LockedMigrator:
    return LockedMigrator(DatabaseSettings(url=url, migrations_path=str(FOLDER / "migrations")), PATIENT)


async def on_connection(url: str, action: Callable[[sa.Connection], Any]) -> Any:
    async with migration_engine(url, PATIENT) as engine, engine.connect() as connection:
        result = await connection.run_sync(action)
        await connection.commit()
        return result


async def alembic(url: str, action: Callable[..., Any], *arguments: str) -> None:
    def run(connection: sa.Connection) -> None:
        config: Config = migrator(url).config()
        config.attributes["connection"] = connection
        action(config, *arguments)

    await on_connection(url, run)


async def tables(url: str) -> set[str]:
    found: list[str] = await on_connection(url, lambda connection: sa.inspect(connection).get_table_names())
    return set(found)


class TestMigrations:
    async def test_up_and_down_and_no_drift(self, url: str) -> None:
        await alembic(url, command.upgrade, "head")
        assert await tables(url) == {"alembic_version", "users", "login_attempts"}
        await alembic(url, command.check)
        await alembic(url, command.downgrade, "base")
        assert await tables(url) == {"alembic_version"}
        await alembic(url, command.upgrade, "head")

    def test_many_at_once_on_an_empty_database(self, url: str) -> None:
        errors: list[BaseException] = []

        def migrate() -> None:
            try:
                migrator(url).migrate()
            except BaseException as error:
                errors.append(error)

        threads = [threading.Thread(target=migrate) for _ in range(8)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert errors == []

    def test_the_api_knows_nothing_of_these_tables(self) -> None:
        """The API has its own table `users`, in its own database."""
        assert not set(AuthBase.metadata.tables.values()) & set(AppBase.metadata.tables.values())

    def test_every_constraint_has_a_name(self) -> None:
        text = (Path(FOLDER) / "migrations" / "versions" / "authserver_0001_users_and_login_attempts.py").read_text()
        for table in AuthBase.metadata.tables.values():
            for constraint in table.constraints - {table.primary_key}:
                assert f'name="{constraint.name}"' in text
            assert {"created_at", "updated_at"} <= set(table.columns.keys())


USER = {
    "username": "alice",
    "username_folded": "alice",
    "email": "a@example.com",
    "name": "Alice",
    "roles": ["admin"],
    "password_hash": "$",
}
ATTEMPT = {"username_folded": "alice", "address": "", "failures": 1}


class TestConstraints:
    @pytest.mark.parametrize(
        ("entity", "rows"),
        [
            (User, [USER, USER]),
            (User, [USER | {"username": ""}]),
            (User, [USER | {"roles": ["admin", "products:delete"]}]),
            (LoginAttempts, [ATTEMPT, ATTEMPT]),
            (LoginAttempts, [ATTEMPT | {"failures": 0}]),
        ],
    )
    async def test_the_database_refuses(
        self, container: PicoContainer, entity: Any, rows: list[dict[str, Any]]
    ) -> None:
        with pytest.raises(IntegrityError):
            async with container.get(SessionManager).engine.begin() as connection:
                await connection.execute(sa.insert(entity), rows)
