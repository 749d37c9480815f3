"""Processes of release 1.0 write users while this release runs."""

import httpx
from pico_ioc import PicoContainer
from pico_sqlalchemy import SessionManager
from sqlalchemy import text

from myapp.users.sweeps import UnfoldedUsersSweep

from ..fixture_types import Connect, Register
from .conftest import ME, NOBODY, USERS

INSERT = text(
    "INSERT INTO users (id, subject, email, name, search_text, is_active, version, created_at, updated_at) VALUES"
    f" ('{NOBODY.replace('-', '')}', 'new', 'zoe@example.com', 'Zo\u00eb 10', 'zoe@example.com\nzo\u00eb 10', true, 1,"
    " '2026-01-02 03:04:05.678901', '2026-01-02 03:04:05.678901')"
)
RENAME = text("UPDATE users SET name = 'B\u00e9a', search_text = 'ann@example.com\nb\u00e9a' WHERE name = 'Ann'")
UNCHANGED = text("SELECT id, version, updated_at FROM users ORDER BY id")


async def test_their_users_are_found_at_once_and_folded_by_the_sweep(
    container: PicoContainer, admin: httpx.AsyncClient, register: Register
) -> None:
    await register(name="Ann", email="ann@example.com")
    await register(name="Zoe 9", email="old@example.com")
    engine = container.get(SessionManager).engine
    async with engine.begin() as connection:
        await connection.execute(INSERT)
        await connection.execute(RENAME)
        before = (await connection.execute(UNCHANGED)).all()

    async def names(**query: str) -> list[str]:
        return [user["name"] for user in (await admin.get(USERS, params=query)).json()["items"]]

    assert await names(search="zo\u00eb 10") == ["Zo\u00eb 10"]
    assert await names(search="10 zo\u00eb@") == []
    assert await names(search="b\u00e9a ann") == ["B\u00e9a"]
    assert await names(search="unfolded") == []
    await container.get(UnfoldedUsersSweep).sweep()
    assert await names(search="zoe", sort="name") == ["Zoe 9", "Zo\u00eb 10"]
    assert await names(search="bea") == ["B\u00e9a"]
    assert await names(sort="name") == ["B\u00e9a", "Zoe 9", "Zo\u00eb 10"]
    async with engine.connect() as connection:
        assert (await connection.execute(UNCHANGED)).all() == before


async def test_a_new_spelling_of_this_release_needs_no_sweep(
    container: PicoContainer, connect: Connect, admin: httpx.AsyncClient
) -> None:
    client = await connect(name="Bea", email="bea@example.com")
    for name in ("B\u00e9a", "BEA", "Bea"):
        await client.patch(ME, json={"name": name})
        async with container.get(SessionManager).engine.connect() as connection:
            search = await connection.scalar(text("SELECT search_fold FROM users"))
        assert search.rstrip() == "bea@example.com\nbea"
        assert (await admin.get(USERS, params={"search": "bea"})).json()["items"][0]["name"] == name
