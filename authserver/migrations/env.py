"""Alembic runs this: the start and `authserver migrate` pass a connection, `alembic` needs a new one."""

import asyncio

from alembic import context
from pico_sqlalchemy.config import DatabaseSettings
from sqlalchemy import Connection

import authserver.login.models
import authserver.users.models  # noqa: F401 - both fill the metadata for autogenerate
from authserver.boot import settings_of
from authserver.schema import AuthBase
from myapp.platform.database.engine import EngineSettings
from myapp.platform.database.migrations import lock, migration_engine


def migrate(connection: Connection) -> None:
    context.configure(
        connection=connection,
        target_metadata=AuthBase.metadata,
        compare_type=True,
        compare_server_default=True,
        render_as_batch=connection.dialect.name == "sqlite",
        transactional_ddl=True,
    )
    with context.begin_transaction():
        context.run_migrations()


async def migrate_alone() -> None:
    async with (
        migration_engine(settings_of(DatabaseSettings).url, EngineSettings()) as engine,
        engine.connect() as connection,
    ):
        await connection.run_sync(lock)
        await connection.run_sync(migrate)
        await connection.commit()


if connection := context.config.attributes.get("connection"):
    migrate(connection)
else:
    asyncio.run(migrate_alone())
