"""Alembic's environment.

At start and in `products-api migrate`, migrations run on the connection that holds the lock. The command `alembic`
opens its own connection.
"""

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
from myapp.platform.database.numbering import number_revisions
from myapp.platform.database.preconditions import make_folder
from myapp.platform.database.triggers import TriggerKeeper

for models in sorted(ROOT.glob("myapp/**/models.py")):  # autogenerate compares with the metadata they fill
    import_module(".".join(models.relative_to(ROOT).with_suffix("").parts))


SEARCH_TABLES = ("product_names", "product_tags")


def include_object(_item: Any, name: str | None, kind: str, reflected: bool, compared: Any) -> bool:
    """Return whether autogenerate compares this object. It ignores the indexes of parts of names, and of tags.

    These differ between the databases, so they are in the migrations and not in the models: trigram and array indexes
    on PostgreSQL, an FTS5 table with its data tables and a table of tags on SQLite.
    """
    is_missing_in_models = reflected and compared is None
    name = str(name)
    is_search_index = name.endswith(("_trgm", "_gin")) if kind == "index" else name.startswith(SEARCH_TABLES)
    return not (is_missing_in_models and is_search_index)


def render_item(kind: str, item: Any, autogenerate: AutogenContext) -> str | Literal[False]:
    """Render our own column types by their short name, and add the import. Return False for other items."""
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
        process_revision_directives=number_revisions,
        compare_type=True,
        compare_server_default=True,
        render_as_batch=is_sqlite,
        on_version_apply=[TriggerKeeper(connection).restore] if is_sqlite else [],
        transactional_ddl=True,
        transaction_per_migration=True,  # on PostgreSQL; on SQLite all are in the transaction that lock() began
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
