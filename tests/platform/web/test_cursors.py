"""Cursors: signed texts that any process of an installation can read."""

import asyncio
from itertools import pairwise
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pico_ioc import PicoContainer
from pico_sqlalchemy import SessionManager
from sqlalchemy import delete

from myapp.platform.database.models import SigningKey
from myapp.platform.errors import InvalidCursorError
from myapp.platform.signing import StoredKeys
from myapp.platform.web.cursors import MAX_CURSOR, Cursors
from myapp.platform.web.settings import CursorSettings

from ...fixture_types import StartContainer

OLD, NEW, OTHER = ("old" * 11, "new" * 11, "other" * 7)

contents = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(st.characters(exclude_categories=["Cs"]), max_size=50),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text("abc", max_size=3), inner, max_size=3),
    max_leaves=8,
)


class NoStoredKeys(StoredKeys):
    async def key(self, name: str) -> bytes:
        raise AssertionError("keys are configured")


def cursors(*keys: str) -> Cursors:
    return Cursors(CursorSettings(list(keys)), NoStoredKeys())


async def is_refused(cursors: Cursors, cursor: str, list_name: str = "things") -> bool:
    try:
        await cursors.decode(list_name, cursor)
    except InvalidCursorError:
        return True
    return False


@settings(max_examples=100)
@given(content=contents)
async def test_a_cursor_returns_its_content(content: Any) -> None:
    cursor = await cursors(NEW).encode("things", content)
    assert await cursors(NEW).decode("things", cursor) == content
    assert set(cursor) <= set("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_")


@settings(max_examples=100)
@given(content=contents, position=st.integers(0, 10_000), character=st.characters())
async def test_a_changed_cursor_is_refused(content: Any, position: int, character: str) -> None:
    cursor = await cursors(NEW).encode("things", content)
    at = position % len(cursor)
    for changed in (cursor[:at] + character + cursor[at + 1 :], cursor[:at], cursor + character, cursor[at + 1 :]):
        assert changed == cursor or await is_refused(cursors(NEW), changed)


@pytest.mark.parametrize("cursor", ["", "=", "A", "AAAA", "A" * 22, "\x00", "\udcff", "\u0661" * 30, "A" * 100_000])
async def test_garbage_is_refused(cursor: str) -> None:
    assert await is_refused(cursors(NEW), cursor)


async def test_a_cursor_that_is_too_long_is_not_even_read() -> None:
    cursor = await cursors(NEW).encode("things", "x" * MAX_CURSOR)
    assert await is_refused(cursors(NEW), cursor)


async def test_a_cursor_is_of_one_list() -> None:
    cursor = await cursors(NEW).encode("things", 1)
    assert await is_refused(cursors(NEW), cursor, "other things")


async def test_a_key_can_be_changed_while_cursors_are_in_use() -> None:
    """All processes get the next setting before any gets the one after it."""
    steps = [cursors(OLD), cursors(OLD, NEW), cursors(NEW, OLD), cursors(NEW)]
    for before, after in pairwise(steps):
        for one, other in ((before, after), (after, before)):
            assert await other.decode("things", await one.encode("things", 1)) == 1
    assert await is_refused(cursors(NEW), await cursors(OLD).encode("things", 1))
    assert await is_refused(cursors(NEW, OLD), await cursors(OTHER).encode("things", 1))


class TestStoredKey:
    async def test_is_the_same_in_all_processes(self, start: StartContainer, database_url: str) -> None:
        processes = [start({"DATABASE__URL": database_url}).get(Cursors) for _ in range(3)]
        made = await asyncio.gather(*(process.encode("things", 1) for process in processes for _ in range(3)))
        assert len(set(made)) == 1
        assert [await process.decode("things", made[0]) for process in processes] == [1, 1, 1]

    async def test_is_another_in_another_database(
        self, start: StartContainer, database_url: str, container: PicoContainer
    ) -> None:
        cursor = await start({"DATABASE__URL": database_url}).get(Cursors).encode("things", 1)
        assert await is_refused(container.get(Cursors), cursor)

    async def test_is_read_once(self, start: StartContainer, database_url: str) -> None:
        container = start({"DATABASE__URL": database_url})
        cursor = await container.get(Cursors).encode("things", 1)
        async with container.get(SessionManager).engine.begin() as connection:
            await connection.execute(delete(SigningKey))
        assert await container.get(Cursors).decode("things", cursor) == 1

    async def test_is_not_needed_with_configured_keys(self, start: StartContainer, database_url: str) -> None:
        container = start({"DATABASE__URL": database_url, "CURSORS__KEYS": f'["{NEW}"]'})
        assert await container.get(Cursors).encode("things", 1) == await cursors(NEW).encode("things", 1)
