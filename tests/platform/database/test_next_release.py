"""Two releases side by side: this release works while and after the next one migrates the schema."""

import asyncio
import logging
import shutil
import uuid
from functools import partial
from pathlib import Path
from typing import Any

import httpx
import pytest
from fastapi import FastAPI
from pico_ioc import PicoContainer
from pico_sqlalchemy import SessionManager
from sqlalchemy import text
from typer.testing import CliRunner

from myapp.boot import ROOT
from myapp.cli.main import cli
from myapp.platform.database.migrations import migration_engine, upgrade
from myapp.platform.database.numbering import last_number
from myapp.platform.errors import StartupError
from tests.conftest import client_of
from tests.databases import PATIENT, in_thread
from tests.fixture_types import StartContainer
from tests.issuer import Issuer
from tests.platform.web.problems import assert_problem

from .test_migrations import migrate, migrator_of

READY = "/api/v1/health/ready"

NEXT = """
import sqlalchemy as sa
from alembic import op

revision = "{next}"
down_revision = "{head}"


def upgrade() -> None:
    for table in ("products", "users", "reports", "events", "event_deliveries", "event_counts"):
        op.add_column(table, sa.Column("added", sa.String(30), nullable=True))
        op.create_index(f"ix_{{table}}_added", table, ["added"])
    op.create_table(
        "added",
        sa.Column("id", sa.Integer(), primary_key=True),
        sa.Column("product_id", sa.Integer(), sa.ForeignKey("products.id"), nullable=False),
    )
"""


@pytest.fixture
def next_release(database_url: str, tmp_path: Path) -> str:
    """The folder with the migrations of the next release: it adds a column and an index to each table, and a table."""
    folder = shutil.copytree(ROOT / "migrations", tmp_path / "migrations")
    head = str(migrator_of(database_url).head())
    migration = NEXT.format(head=head, next=f"{last_number([head]) + 1:04}")
    (folder / "versions/next.py").write_text(migration, encoding="utf-8")
    return str(folder)


async def use_everything(container: PicoContainer, issuer: Issuer) -> None:
    """Call each operation of products and users, and some of what their events lead to."""
    token = issuer.token(roles=["admin", "product-manager"], sub=f"subject-{uuid.uuid4().hex}")
    async with client_of(container.get(FastAPI), token) as client:

        async def call(method: str, path: str, **options: Any) -> httpx.Response:
            response = await client.request(method, f"/api/v1{path}", **options)
            assert response.is_success, f"{method} {path}: {response.text}"
            return response

        lamp = (await call("POST", "/products/", json={"name": "Lamp", "price": 9.5})).json()["id"]
        await call("GET", "/products/")
        await call("GET", "/products/paged", params={"search": "lamp", "min_price": 1, "sort": "-name"})
        found = await call("GET", "/products/search", params={"q": "lamp"})
        assert lamp in [product["id"] for product in found.json()]
        assert (await call("GET", f"/products/{lamp}")).json()["name"] == "Lamp"
        await call("PUT", f"/products/{lamp}", json={"stock": 3}, headers={"If-Match": '"1"'})
        await call("PATCH", f"/products/{lamp}/deactivate")
        history = (await call("GET", f"/products/{lamp}/history")).json()
        assert [event["type"].partition(".")[2] for event in history["items"]] == ["created", "updated", "deactivated"]
        await call("DELETE", f"/products/{lamp}")

        await call("GET", "/me")
        await call("PATCH", "/me", json={"phone": "+34600000000"})
        users = (await call("GET", "/users/")).json()["items"]
        await call("GET", f"/users/{users[-1]['id']}")
        await call("GET", "/reports/")
        await call("GET", "/admin/events/")
        await call("GET", "/analytics/daily", params={"from": "2026-01-01", "to": "2026-01-02"})
        assert (await call("GET", "/health/ready")).json() == {"status": "up"}


def warnings(caplog: pytest.LogCaptureFixture) -> list[str]:
    return [message for message in caplog.messages if "of a newer release" in message]


class TestAhead:
    async def test_a_running_process_goes_on(
        self,
        start: StartContainer,
        database_url: str,
        next_release: str,
        issuer: Issuer,
        caplog: pytest.LogCaptureFixture,
    ) -> None:
        caplog.set_level(logging.WARNING)
        container = start({"DATABASE__URL": database_url})
        await asyncio.gather(*(use_everything(container, issuer) for _ in range(4)))  # several connections
        assert warnings(caplog) == []
        migrate(database_url, migrations_path=next_release)
        await asyncio.gather(*(use_everything(container, issuer) for _ in range(4)))
        assert len(warnings(caplog)) == 1

    async def test_a_process_starts(
        self,
        start: StartContainer,
        database_url: str,
        next_release: str,
        issuer: Issuer,
        caplog: pytest.LogCaptureFixture,
    ) -> None:
        caplog.set_level(logging.WARNING)
        migrate(database_url, migrations_path=next_release)
        for migrates in ("true", "false"):
            caplog.clear()
            container = start({"DATABASE__URL": database_url, "ENGINE__MIGRATE_ON_START": migrates})
            await use_everything(container, issuer)
            assert len(warnings(caplog)) == 1

    def test_the_command_says_so(self, database_url: str, next_release: str, monkeypatch: pytest.MonkeyPatch) -> None:
        migrate(database_url, migrations_path=next_release)
        monkeypatch.setenv("DATABASE__URL", database_url)
        for _ in range(2):
            done = in_thread(lambda: CliRunner().invoke(cli, ["migrate"]))
            assert done.exit_code == 0, done.output
            assert "Nothing to do: the schema has revision" in done.output
            assert "newer release" in done.output

    def test_a_newer_release_migrates_while_this_one_waits(self, database_url: str, next_release: str) -> None:
        """Both have found the schema behind; the newer one gets the lock first."""
        older = migrator_of(database_url)
        migrate(database_url, migrations_path=next_release)

        async def upgrade_late() -> None:
            async with migration_engine(database_url, PATIENT) as engine:
                await upgrade(engine, older.config(), "head", older.revisions)

        in_thread(lambda: asyncio.run(upgrade_late()))


class TestUnknown:
    async def test_stops_the_start_with_one_line(
        self, start: StartContainer, database_url: str, subtests: pytest.Subtests
    ) -> None:
        container = start({"DATABASE__URL": database_url})
        for migrates, revisions in (
            ("true", ["2f1c0b9d8e7a"]),
            ("false", ["authserver_0002"]),
            ("true", ["0001", "0002"]),
        ):
            with subtests.test(revisions):
                await set_revisions(container, *revisions)
                environment = {"DATABASE__URL": database_url, "ENGINE__MIGRATE_ON_START": migrates}
                expected = r"database\.url \(DATABASE__URL\): the schema has revision"
                with pytest.raises(StartupError, match=expected) as raised:
                    in_thread(partial(start, environment))
                assert "\n" not in str(raised.value)
                async with client_of(container.get(FastAPI)) as client:
                    assert_problem(await client.get(READY), 503, "not_ready")


async def set_revisions(container: PicoContainer, *revisions: str) -> None:
    async with container.get(SessionManager).engine.begin() as connection:
        await connection.execute(text("DELETE FROM alembic_version"))
        for revision in revisions:
            await connection.execute(text("INSERT INTO alembic_version VALUES (:revision)"), {"revision": revision})
