"""Run by Alembic: at start and by `products-api migrate` on a connection they hold, by `alembic` on one of its own."""

import asyncio
from importlib import import_module
from typing import Any, Literal

from alembic import context
from alembic.autogenerate.api import AutogenContext
from pico_sqlalchemy import AppBase
from pico_sqlalchemy.config import DatabaseSettings
from sqlalchemy import Connection

from myapp.boot import ROOT, settings_of
from myapp.platform.database import types
from myapp.platform.database.engine import EngineSettings
from myapp.platform.database.migrations import lock, migration_engine
from myapp.platform.database.triggers import TriggerKeeper

for models in sorted(ROOT.glob("myapp/**/models.py")):  # they fill the metadata that autogenerate compares with
    import_module(".".join(models.relative_to(ROOT).with_suffix("").parts))


def include_object(_item: Any, name: str | None, kind: str, reflected: bool, compared: Any) -> bool:
    """The indexes for parts of names stand in their migrations, not in the models, since each database has its own:
    PostgreSQL one of trigrams, SQLite an FTS5 table and the tables in which that keeps its data."""
    is_only_there = reflected and compared is None
    is_for_parts_of_names = str(name).endswith("_trgm") if kind == "index" else str(name).startswith("product_names")
    return not (is_only_there and is_for_parts_of_names)


def render_item(kind: str, item: Any, autogenerate: AutogenContext) -> str | Literal[False]:
    """Our own column types as a person would write them, with their import."""
    if kind == "type" and type(item).__module__ == types.__name__:
        autogenerate.imports.add(f"from {types.__name__} import {type(item).__name__}")
        return f"{type(item).__name__}()"
    return False


def migrate(connection: Connection) -> None:
    is_sqlite = connection.dialect.name == "sqlite"
    context.configure(
        connection=connection,
        target_metadata=AppBase.metadata,
        include_object=include_object,
        render_item=render_item,
        compare_type=True,
        compare_server_default=True,
        render_as_batch=is_sqlite,
        on_version_apply=[TriggerKeeper(connection).restore] if is_sqlite else [],
        transactional_ddl=True,
        transaction_per_migration=True,  # on PostgreSQL; on SQLite all of them are in the one that the lock has begun
    )
    with context.begin_transaction():
        context.run_migrations()


async def migrate_alone() -> None:
    url = settings_of(DatabaseSettings).url
    async with migration_engine(url, EngineSettings()) as engine, engine.connect() as connection:
        await connection.run_sync(lock)
        await connection.run_sync(migrate)
        await connection.commit()


if connection := context.config.attributes.get("connection"):
    migrate(connection)
else:
    asyncio.run(migrate_alone())
