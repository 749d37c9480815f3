"""Processes of release 1.0 write products while this release runs. Its statements stand here as its ORM sends them."""

from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any

import httpx
import pytest
from pico_ioc import PicoContainer
from pico_sqlalchemy import SessionManager
from sqlalchemy import text

from myapp.platform.text import fold_case
from myapp.products.models import UNFOLDED
from myapp.products.sweeps import UnfoldedNamesSweep

from ..fixture_types import Create
from ..platform.web.problems import assert_invalid
from .conftest import COLLECTION

INSERT = text(
    "INSERT INTO products (name, name_folded, description, price, stock, active, version, created_at, updated_at)"
    " VALUES (:name, :folded, NULL, 1, 0, true, 1, '2026-01-02 03:04:05.678901', '2026-01-02 03:04:05.678901')"
)
RENAME = text("UPDATE products SET name = :name, name_folded = :folded, version = version + 1 WHERE id = :id")
RESTOCK = text("UPDATE products SET stock = 7, version = version + 1 WHERE id = :id")
DELETE = text("DELETE FROM products WHERE id = :id")
ROWS = text("SELECT id, name, name_search, name_sort, version, updated_at FROM products ORDER BY id")
EVENTS = text("SELECT count(*) FROM events")

Execute = Callable[..., Awaitable[Any]]


@pytest.fixture
def execute(container: PicoContainer) -> Execute:
    async def execute_one(statement: Any, **values: Any) -> Any:
        async with container.get(SessionManager).engine.begin() as connection:
            result = await connection.execute(statement, values)
            return result.mappings().all() if result.returns_rows else None

    return execute_one


@pytest.fixture(autouse=True)
async def indexed(container: PicoContainer, execute: Execute) -> AsyncIterator[None]:
    """Check after each test that SQLite's index of names agrees with the table."""
    yield
    if container.get(SessionManager).engine.dialect.name == "sqlite":
        await execute(
            text("INSERT INTO product_names_search (product_names_search, rank) VALUES ('integrity-check', 1)")
        )


async def write(execute: Execute, name: str, id: int | None = None) -> None:
    """Create or rename a product as release 1.0 does."""
    values = {"name": name, "folded": fold_case(name)}
    await (execute(RENAME, **values, id=id) if id else execute(INSERT, **values))


async def found(client: httpx.AsyncClient, words: str) -> list[str]:
    """Return the names that a search finds. The paged list must find the same."""
    search = (await client.get(f"{COLLECTION}search", params={"q": words})).json()
    page = (await client.get(f"{COLLECTION}paged", params={"search": words, "page_size": 100})).json()
    assert page["items"] == search
    assert page["total"] == len(search)
    return [product["name"] for product in search]


async def sweep(container: PicoContainer) -> None:
    await container.get(UnfoldedNamesSweep).sweep()


async def test_new_products_are_found_at_once_and_folded_by_the_sweep(
    container: PicoContainer, viewer: httpx.AsyncClient, create: Create, execute: Execute
) -> None:
    await create("Tea")
    await write(execute, "Caf\u00e9 au lait 10")
    for words in ("caf\u00e9", "CAF\u00c9 LAIT", "lait au", "10", "ca"):
        assert await found(viewer, words) == ["Caf\u00e9 au lait 10"]
    assert await found(viewer, "tea") == ["Tea"]
    for words in ("latte", "unfolded", UNFOLDED, "x"):
        assert await found(viewer, words) == []
    listed = await viewer.get(f"{COLLECTION}paged", params={"sort": "name"})
    assert listed.json()["total"] == len(listed.json()["items"]) == 2

    before, events = await execute(ROWS), await execute(EVENTS)
    await sweep(container)
    assert await found(viewer, "cafe lait") == ["Caf\u00e9 au lait 10"]
    after = await execute(ROWS)
    assert (after[1]["name_search"], after[1]["name_sort"]) == ("cafe au lait 10", "cafe au lait 210")
    for column in ("id", "name", "version", "updated_at"):
        assert [row[column] for row in after] == [row[column] for row in before]
    assert await execute(EVENTS) == events


async def test_changed_names_are_found_by_what_they_are_now(
    container: PicoContainer, viewer: httpx.AsyncClient, create: Create, execute: Execute
) -> None:
    id = (await create("Sofa"))["id"]
    for name, old in (("Lamp \u00c9", "sofa"), ("L\u00e1mp \u00c9", "\u00fc"), ("Desk", "l\u00e1mp")):
        await write(execute, name, id)
        assert await found(viewer, name) == [name]
        assert await found(viewer, old) == []
        if name == "Lamp \u00c9":  # folded before the next change, and not before the third
            await sweep(container)
            assert await found(viewer, "lamp e") == [name]
    await sweep(container)
    assert await found(viewer, "desk") == ["Desk"]
    await execute(RESTOCK, id=id)
    assert (await execute(ROWS))[0]["name_search"] == "desk"
    await execute(DELETE, id=id)
    assert await found(viewer, "desk") == []


@pytest.mark.parametrize("names", [("Cafe", "Caf\u00e9", "CAFE", "cafe"), ("Lamp 1", "Lamp 01", "lamp  1")])
async def test_a_new_spelling_of_this_release_needs_no_sweep(
    manager: httpx.AsyncClient, create: Create, execute: Execute, names: tuple[str, ...]
) -> None:
    id = (await create(names[0]))["id"]
    for name in names:
        await manager.put(f"{COLLECTION}{id}", json={"name": name})
        (row,) = await execute(ROWS)
        assert row["name"] == name
        assert row["name_search"] != UNFOLDED
        assert await found(manager, name) == [name]


@pytest.mark.parametrize("name", ["two\nlines", "\u3164\u3164", "\u200b\u200b", "a\x1b[31m"], ids=ascii)
async def test_a_stored_name_that_is_no_longer_accepted_stays(
    container: PicoContainer, manager: httpx.AsyncClient, execute: Execute, name: str
) -> None:
    await write(execute, name)
    await sweep(container)
    (row,) = await execute(ROWS)
    path = f"{COLLECTION}{row['id']}"
    assert (await manager.get(path)).json()["name"] == name
    changed = await manager.put(path, json={"stock": 3, "description": "New"})
    assert (changed.status_code, changed.json()["name"], changed.json()["stock"]) == (200, name, 3)
    assert (await manager.patch(f"{path}/deactivate")).status_code == 200
    assert (await manager.put(path, json={"active": True, "name": "Visible"})).json()["name"] == "Visible"
    assert_invalid(await manager.put(path, json={"name": name}), "#/name")


async def test_the_sweep_folds_any_number_of_names(container: PicoContainer, execute: Execute) -> None:
    for number in range(25):
        await write(execute, f"N\u00e4me {number}")
    sweeping = container.get(UnfoldedNamesSweep)
    patched = type("SmallSweep", (UnfoldedNamesSweep,), {"batch_size": 10})(sweeping._names)
    await patched.sweep()
    assert {row["name_search"] for row in await execute(ROWS)} == {f"name {number}" for number in range(25)}
