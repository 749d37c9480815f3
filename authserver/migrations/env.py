"""Alembic's environment. The start and `authserver migrate` pass a connection. The command `alembic` opens its own."""

import asyncio
from functools import partial

from alembic import context
from pico_sqlalchemy.config import DatabaseSettings
from sqlalchemy import Connection

import authserver.login.models
import authserver.users.models  # noqa: F401 - both fill the metadata that autogenerate compares
from authserver.boot import settings_of
from authserver.schema import AuthBase
from myapp.platform.database.engine import EngineSettings
from myapp.platform.database.migrations import lock, migration_engine
from myapp.platform.database.numbering import number_revisions
from myapp.platform.database.preconditions import make_folder


def migrate(connection: Connection) -> None:
    context.configure(
        connection=connection,
        target_metadata=AuthBase.metadata,
        process_revision_directives=partial(number_revisions, prefix="authserver_"),
        compare_type=True,
        compare_server_default=True,
        render_as_batch=connection.dialect.name == "sqlite",
        transactional_ddl=True,
    )
    with context.begin_transaction():
        context.run_migrations()


async def migrate_alone() -> None:
    settings = settings_of(EngineSettings)
    url = settings.migration_url or settings_of(DatabaseSettings).url
    make_folder(url)
    async with migration_engine(url, settings) as engine, engine.connect() as connection:
        await connection.run_sync(lock)
        await connection.run_sync(migrate)
        await connection.commit()


if connection := context.config.attributes.get("connection"):
    migrate(connection)
else:
    asyncio.run(migrate_alone())
