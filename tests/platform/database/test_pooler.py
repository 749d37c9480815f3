"""PgBouncer between the service and PostgreSQL."""

import asyncio
import contextlib
import logging
import os
import pwd
import shutil
import subprocess
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import asyncpg
import httpx
import pytest
from fastapi import FastAPI
from pico_sqlalchemy import SessionManager
from sqlalchemy import make_url

from myapp.platform.database.revisions import revisions_of
from myapp.platform.errors import StartupError
from myapp.platform.outbox.relay import EventRelay
from tests.conftest import client_of
from tests.databases import Databases, free_port, in_thread, libpq_url
from tests.fixture_types import StartContainer
from tests.issuer import Issuer

from .test_migrations import migrator_of, read

PROGRAM = shutil.which("pgbouncer", path=f"{os.environ.get('PATH', os.defpath)}:/usr/sbin:/sbin")

CONFIGURATION = """
[databases]
* = host={host} port={port}
[pgbouncer]
listen_addr = 127.0.0.1
listen_port = {listen}
unix_socket_dir =
auth_type = trust
auth_file = users
pool_mode = {mode}
default_pool_size = 4
max_client_conn = 300
"""

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(PROGRAM is None, reason="this machine has no pgbouncer"),
]

StartPooler = Callable[[str, str], str]


@pytest.fixture
def database_url(databases: Databases) -> str:
    return databases.migrated("postgresql")


@pytest.fixture
def pooled(tmp_path_factory: pytest.TempPathFactory) -> Iterator[StartPooler]:
    """``pooled(url, "transaction")`` returns the URL of ``url``'s database through a new PgBouncer."""
    with contextlib.ExitStack() as running:

        def start(url: str, mode: str) -> str:
            return running.enter_context(pgbouncer(url, mode, tmp_path_factory.mktemp("pgbouncer")))

        yield start


@contextlib.contextmanager
def pgbouncer(url: str, mode: str, folder: Path) -> Iterator[str]:
    server, listen = make_url(url), free_port()
    file = folder / "pgbouncer.ini"
    text = CONFIGURATION.format(host=server.host, port=server.port or 5432, listen=listen, mode=mode)
    file.write_text(text, encoding="utf-8")
    (folder / "users").write_text(f'"{server.username}" "{server.password or ""}"\n', encoding="utf-8")
    user = None
    if os.geteuid() == 0:  # it refuses to run as root
        user = pwd.getpwnam("nobody").pw_name
        for part in (folder, file, folder / "users"):
            shutil.chown(part, user)
        # pytest's own folders are closed to other users, so it inherits the folder as its working directory
    assert PROGRAM
    command = [PROGRAM, "pgbouncer.ini"]
    with (folder / "log").open("wb") as log:
        process = subprocess.Popen(command, cwd=folder, user=user, stdout=log, stderr=log)
    try:
        pooled = server.set(host="127.0.0.1", port=listen)
        wait_until_it_accepts(pooled.render_as_string(hide_password=False), folder / "log")
        yield pooled.render_as_string(hide_password=False)
    finally:
        process.terminate()
        process.wait(10)


def wait_until_it_accepts(url: str, log: Path) -> None:
    async def connect() -> None:
        await (await asyncpg.connect(libpq_url(url), statement_cache_size=0)).close()

    deadline = time.monotonic() + 15
    while True:
        try:
            in_thread(lambda: asyncio.run(connect()))
            return
        except OSError:
            if time.monotonic() > deadline:
                pytest.fail(log.read_text(encoding="utf-8"))
            time.sleep(0.05)


async def use(client: httpx.AsyncClient, number: int) -> None:
    """Do some of everything: reads and writes, prepared statements with and without parameters."""

    async def call(method: str, path: str, **options: Any) -> Any:
        response = await client.request(method, f"/api/v1{path}", **options)
        assert response.is_success, f"{method} {path}: {response.text}"
        return response.json() if response.content else None

    for _ in range(3):
        product = await call("POST", "/products/", json={"name": f"Lamp {number}", "price": 9.5, "stock": number})
        path = f"/products/{product['id']}"
        assert (await call("GET", path))["name"] == f"Lamp {number}"
        assert (await call("PUT", path, json={"stock": number + 1}))["stock"] == number + 1
        assert (await call("GET", f"{path}/history"))["total"] == 2
        assert (await call("GET", "/products/paged", params={"search": f"lamp {number}"}))["total"] >= 1
        assert await call("GET", "/products/search", params={"q": f"Lamp {number}"})
        assert await call("GET", "/products/")
        assert (await call("GET", "/me"))["subject"]
        await call("DELETE", path)


class TestTransactionMode:
    async def test_is_named_at_the_start(self, start: StartContainer, database_url: str, pooled: StartPooler) -> None:
        url = pooled(database_url, "transaction")
        for _ in range(3):  # the names of prepared statements are taken by now
            with pytest.raises(StartupError, match=r"database\.url .*ENGINE__TRANSACTION_POOLER") as raised:
                in_thread(lambda: start({"DATABASE__URL": url}))
            assert "\n" not in str(raised.value)

    async def test_works_with_the_setting(
        self, start: StartContainer, database_url: str, pooled: StartPooler, issuer: Issuer
    ) -> None:
        url = pooled(database_url, "transaction")
        settings = {"DATABASE__URL": url, "ENGINE__TRANSACTION_POOLER": "true", "ENGINE__COMMAND_TIMEOUT": "20"}
        containers = [start({**settings, "ENGINE__POOL_TIMEOUT": "30", "ENGINE__CONNECT_TIMEOUT": "20"}) for _ in "ab"]
        roles = ["admin", "product-manager"]
        async with contextlib.AsyncExitStack() as open_clients:
            clients = [
                await open_clients.enter_async_context(
                    client_of(containers[number % 2].get(FastAPI), issuer.token(roles=roles, sub=f"subject-{number}"))
                )
                for number in range(30)
            ]
            relay = containers[0].get(EventRelay)
            await asyncio.gather(*(use(client, number) for number, client in enumerate(clients)), relay.deliver_due())
            assert (await clients[0].get("/api/v1/health/ready")).status_code == 200

    async def test_migrates_by_the_address_of_the_server(
        self, start: StartContainer, databases: Databases, pooled: StartPooler
    ) -> None:
        direct = databases.empty("postgresql")
        url = pooled(direct, "transaction")
        settings = {"DATABASE__URL": url, "ENGINE__TRANSACTION_POOLER": "true"}
        with pytest.raises(StartupError, match=r"^engine\.migration_url \(ENGINE__MIGRATION_URL\): the schema has"):
            in_thread(lambda: start(settings))
        with pytest.raises(StartupError, match=r"^engine\.migration_url \(ENGINE__MIGRATION_URL\): names another"):
            in_thread(lambda: start({**settings, "ENGINE__MIGRATION_URL": databases.migrated("postgresql")}))
        with pytest.raises(StartupError, match=r"^engine\.migration_url \(ENGINE__MIGRATION_URL\): must be"):
            in_thread(lambda: start({**settings, "ENGINE__MIGRATION_URL": "nowhere"}))
        in_thread(lambda: start({**settings, "ENGINE__MIGRATION_URL": direct}))
        assert await read(direct, revisions_of) == (migrator_of(direct).head(),)

    async def test_that_comes_later_is_503_and_named_in_the_log(
        self,
        start: StartContainer,
        database_url: str,
        pooled: StartPooler,
        issuer: Issuer,
        monkeypatch: pytest.MonkeyPatch,
        caplog: pytest.LogCaptureFixture,
    ) -> None:
        """As if the pooler had been busy with other clients at the start, or was changed afterwards."""

        async def notice_nothing(*_: object) -> bool:
            return False

        monkeypatch.setattr("myapp.platform.database.preconditions.shares_sessions", notice_nothing)
        container = start({"DATABASE__URL": pooled(database_url, "transaction")})
        caplog.set_level(logging.ERROR)
        statuses = set()
        async with client_of(container.get(FastAPI), issuer.token("product-manager")) as client:

            async def write(number: int) -> None:
                for path in ("/products/", "/products/paged", "/products/search?q=lamp", f"/products/{number}"):
                    statuses.add((await client.get(f"/api/v1{path}")).status_code)
                created = await client.post("/api/v1/products/", json={"name": f"Lamp {number}", "price": 1})
                statuses.add(created.status_code)

            for _ in range(3):
                await asyncio.gather(*(write(number) for number in range(1, 20)))
        assert 503 in statuses
        assert 500 not in statuses
        assert any("ENGINE__TRANSACTION_POOLER" in message for message in caplog.messages)
        await container.get(SessionManager).engine.dispose()


class TestSessionMode:
    async def test_needs_no_setting(
        self, start: StartContainer, databases: Databases, pooled: StartPooler, issuer: Issuer
    ) -> None:
        """Migrations included."""
        container = start(
            {"DATABASE__URL": pooled(databases.empty("postgresql"), "session"), "DATABASE__POOL_SIZE": "2"}
        )
        async with client_of(container.get(FastAPI), issuer.token(roles=["admin", "product-manager"])) as client:
            await use(client, 1)
