"""Only the migrations create the schema, on both databases, with any number of processes at once."""

import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from alembic import command
from alembic.script import ScriptDirectory
from pico_sqlalchemy import AppBase
from pico_sqlalchemy.config import DatabaseSettings
from sqlalchemy import CheckConstraint, Connection, inspect, text

from myapp.boot import ROOT
from myapp.platform.database.engine import EngineSettings
from myapp.platform.database.migrations import LockedMigrator, migration_engine, run_locked
from myapp.platform.database.revisions import revisions_of
from myapp.platform.errors import StartupError
from tests.databases import PATIENT, Databases, in_thread
from tests.issuer import AUDIENCE, Issuer

from .conftest import only_postgresql, only_sqlite

FAILING = """
from alembic import op
from sqlalchemy import Column, Integer

revision = "9999"
down_revision = "{head}"


def upgrade() -> None:
    op.create_table("half", Column("id", Integer()))
    raise ZeroDivisionError
"""

REBUILDING = """
from alembic import op
from sqlalchemy import Column, Integer

revision = "9999"
down_revision = "{head}"


def upgrade() -> None:
    with op.batch_alter_table("products", recreate="always") as products:
        products.add_column(Column("shelf", Integer()))


def downgrade() -> None:
    with op.batch_alter_table("products") as products:
        products.drop_column("shelf")
"""


def migrator_of(url: str, *, engine: EngineSettings | None = None, **settings: Any) -> LockedMigrator:
    database = DatabaseSettings(**{"url": url, "migrations_path": str(ROOT / "migrations")} | settings)
    return LockedMigrator(database, engine or PATIENT)


def migrate(url: str, **settings: Any) -> None:
    in_thread(migrator_of(url, **settings).migrate)


async def read(url: str, look: Callable[[Connection], Any]) -> Any:
    async with migration_engine(url, PATIENT) as engine, engine.connect() as connection:
        return await connection.run_sync(look)


async def alembic(url: str, action: Callable[..., Any], *arguments: Any, **settings: Any) -> None:
    config = migrator_of(url, **settings).config()
    await read(url, lambda connection: run_locked(connection, action, config, *arguments))


def tables(connection: Connection) -> set[str]:
    """Return the names of all tables but those of SQLite's search indexes."""
    names = set(inspect(connection).get_table_names()) - {"alembic_version"}
    return {name for name in names if not name.startswith(("product_names", "product_tags"))}


def check_constraints(connection: Connection) -> set[str | None]:
    return {found["name"] for table in tables(connection) for found in inspect(connection).get_check_constraints(table)}


def indexes(connection: Connection) -> set[str | None]:
    return {found["name"] for table in tables(connection) for found in inspect(connection).get_indexes(table)}


@pytest.fixture
def empty_url(database_kind: str, databases: Databases) -> str:
    return databases.empty(database_kind)


class TestUpAndDown:
    async def test_up_down_up(self, empty_url: str) -> None:
        head = migrator_of(empty_url).head()
        for _ in range(2):
            await alembic(empty_url, command.upgrade, "head")
            assert await read(empty_url, revisions_of) == (head,)
            assert await read(empty_url, tables) == set(AppBase.metadata.tables)
            await alembic(empty_url, command.downgrade, "base")
            assert await read(empty_url, revisions_of) == ()
            assert await read(empty_url, tables) == set()

    async def test_step_by_step(self, empty_url: str) -> None:
        steps = len(list(ScriptDirectory.from_config(migrator_of(empty_url).config()).walk_revisions()))
        for _ in range(steps):
            await alembic(empty_url, command.upgrade, "+1")
        assert await read(empty_url, revisions_of) == (migrator_of(empty_url).head(),)
        for _ in range(steps):
            await alembic(empty_url, command.downgrade, "-1")
        assert await read(empty_url, tables) == set()

    async def test_a_failing_migration_leaves_nothing_behind(self, empty_url: str, tmp_path: Path) -> None:
        """Earlier migrations stay on PostgreSQL, where each has its own transaction."""
        head = migrator_of(empty_url).head()
        migrations = shutil.copytree(ROOT / "migrations", tmp_path / "migrations")
        (migrations / "versions/failing.py").write_text(FAILING.format(head=head))
        with pytest.raises(ZeroDivisionError):
            migrate(empty_url, migrations_path=str(migrations))
        is_sqlite = empty_url.startswith("sqlite")
        assert await read(empty_url, revisions_of) == (() if is_sqlite else (head,))
        assert "half" not in await read(empty_url, tables)
        migrate(empty_url)


class TestSchema:
    async def test_the_models_have_not_drifted_from_it(self, shared_url: str) -> None:
        await alembic(shared_url, command.check)

    async def test_alembic_may_run_without_the_application(
        self, database_url: str, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """migrations/env.py then opens a connection from the settings."""
        monkeypatch.setenv("DATABASE__URL", database_url)
        in_thread(lambda: command.check(migrator_of(database_url).config()))
        in_thread(lambda: command.downgrade(migrator_of(database_url).config(), "base"))
        assert await read(database_url, tables) == set()

    async def test_constraints_and_indexes_are_named_and_there(self, shared_url: str) -> None:
        declared = AppBase.metadata.tables.values()
        checks = {item.name for table in declared for item in table.constraints if isinstance(item, CheckConstraint)}
        assert checks
        assert None not in checks
        assert checks <= await read(shared_url, check_constraints)
        assert {index.name for table in declared for index in table.indexes} <= await read(shared_url, indexes)

    @only_postgresql
    async def test_the_primary_key_has_a_name(self, shared_url: str) -> None:
        found = await read(shared_url, lambda connection: inspect(connection).get_pk_constraint("products"))
        assert (found["constrained_columns"], found["name"]) == (["id"], "pk_products")

    @only_postgresql
    async def test_search_has_its_index_where_the_extension_is(self, shared_url: str) -> None:
        trigrams = text("SELECT count(*) FROM pg_extension WHERE extname = 'pg_trgm'")
        has_extension = await read(shared_url, lambda connection: connection.scalar(trigrams))
        assert ("ix_products_name_folded_trgm" in await read(shared_url, indexes)) == bool(has_extension)

    async def test_an_id_is_never_used_again(self, database_url: str) -> None:
        def insert_twice(connection: Connection) -> list[Any]:
            values = "('Lamp', 'lamp', 1, 0, true, 1, '2026-01-01', '2026-01-01')"
            columns = "name, name_folded, price, stock, active, version, created_at, updated_at"
            ids = []
            for _ in range(2):
                insert = text(f"INSERT INTO products ({columns}) VALUES {values} RETURNING id")
                ids.append(connection.scalar(insert))
                connection.execute(text("DELETE FROM products"))
            return ids

        assert await read(database_url, insert_twice) == [1, 2]


class TestIndexOfNames:
    """The search index of names. On SQLite it is a table that triggers keep up to date."""

    COLUMNS = "name, name_folded, price, stock, active, version, created_at, updated_at"
    INSERT = f"INSERT INTO products ({COLUMNS}) VALUES ('%s', '%s', 1, 0, 1, 1, '2026-01-01', '2026-01-01')"

    async def write(self, url: str, *statements: str) -> None:
        def execute(connection: Connection) -> None:
            for statement in statements:
                connection.execute(text(statement))
            connection.commit()

        await read(url, execute)

    async def search(self, url: str) -> list[int]:
        def find_ids(connection: Connection) -> list[int]:
            connection.execute(text("INSERT INTO product_names (product_names, rank) VALUES ('integrity-check', 1)"))
            match = text("SELECT rowid FROM product_names WHERE product_names MATCH 'lamp' ORDER BY rowid")
            return list(connection.scalars(match))

        ids: list[int] = await read(url, find_ids)
        return ids

    async def change(self, url: str) -> None:
        """Rename products: 1, 3 and 4 match before, 2, 9 and 10 match afterwards."""
        update = "UPDATE products SET name_folded = '%s' WHERE id = %s"
        renamed = (update % ("lampshade", 2), update % ("rug", 4), "UPDATE products SET id = 9 WHERE id = 1")
        await self.write(url, *renamed, "DELETE FROM products WHERE id = 3", self.INSERT % ("lamps", "lamps"))

    @pytest.fixture
    async def url(self, empty_url: str) -> str:
        """The URL of a database whose products are older than the index."""
        await alembic(empty_url, command.upgrade, "0002")
        names = ("lamp", "sofa", "clamp", "a lamp", "rug", "rug", "rug", "rug", "rug")
        await self.write(
            empty_url, *(self.INSERT % (name, name) for name in names), "DELETE FROM products WHERE id = 9"
        )
        return empty_url

    @only_sqlite
    async def test_finds_older_and_changed_products(self, url: str) -> None:
        migrate(url)
        assert await self.search(url) == [1, 3, 4]
        await self.change(url)
        assert await self.search(url) == [2, 9, 10]

    @only_sqlite
    async def test_stays_in_step_after_a_migration_that_builds_the_table_anew(self, url: str, tmp_path: Path) -> None:
        migrate(url)
        migrations = shutil.copytree(ROOT / "migrations", tmp_path / "migrations")
        (migrations / "versions/rebuilding.py").write_text(REBUILDING.format(head=migrator_of(url).head()))
        for _ in range(2):
            await alembic(url, command.upgrade, "head", migrations_path=str(migrations))
            assert "shelf" in await read(url, lambda connection: str(inspect(connection).get_columns("products")))
            await alembic(url, command.downgrade, "-1", migrations_path=str(migrations))
        await self.change(url)
        assert await self.search(url) == [2, 9, 10]
        await alembic(url, command.downgrade, "base")
        assert await read(url, tables) == set()


class TestAtStart:
    def test_it_can_be_switched_off(self, empty_url: str) -> None:
        left = migrator_of(empty_url, engine=EngineSettings(migrate_on_start=False))
        in_thread(lambda: left.configure_database(None))
        with pytest.raises(StartupError):
            in_thread(lambda: migrate(empty_url, migrations_target="no-such-revision"))
        migrate(empty_url)
        migrate(empty_url)  # there is nothing to do

    def test_the_folder_of_the_file_is_made(self, tmp_path: Any) -> None:
        migrate(f"sqlite+aiosqlite:///{tmp_path}/data/products.db")
        assert (tmp_path / "data/products.db").exists()

    @only_postgresql
    async def test_a_role_that_may_not_create_tables_stops_it_with_one_line(
        self, empty_url: str, postgres_role: Callable[[str], str]
    ) -> None:
        with pytest.raises(StartupError, match="permission denied") as raised:
            migrate(postgres_role(empty_url))
        assert "\n" not in str(raised.value)

    @only_postgresql
    async def test_a_role_that_may_not_create_extensions_does_without(
        self, empty_url: str, postgres_role: Callable[[str], str]
    ) -> None:
        url = postgres_role(empty_url)
        role = url.partition("//")[2].partition(":")[0]

        def allow(connection: Connection) -> None:
            connection.execute(text(f'GRANT CREATE ON SCHEMA public TO "{role}"'))
            connection.commit()

        await read(empty_url, allow)
        migrate(url)
        assert await read(empty_url, revisions_of) == (migrator_of(url).head(),)

    @pytest.mark.slow
    def test_eight_processes_at_once_on_an_empty_database(self, empty_url: str, issuer: Issuer) -> None:
        environment = {
            **os.environ,
            "DATABASE__URL": empty_url,
            "AUTH_CLIENT__ISSUER": issuer.url,
            "AUTH_CLIENT__AUDIENCE": AUDIENCE,
        }
        finished = subprocess.run(
            [sys.executable, "-m", "tests.platform.database.start_together", "8"],
            cwd=ROOT,
            env=environment,
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )
        assert finished.returncode == 0, finished.stderr

    @only_sqlite
    async def test_the_file_is_in_wal_mode(self, empty_url: str) -> None:
        migrate(empty_url)
        mode = text("PRAGMA journal_mode")
        assert await read(empty_url, lambda connection: connection.scalar(mode)) == "wal"
