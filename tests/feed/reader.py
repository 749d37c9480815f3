"""A client that reads the feed, for tests."""

import asyncio
from typing import Any

import httpx

FEED = "/api/v1/events"

PATIENCE = 180
"""Seconds to wait for an event. On PostgreSQL each transaction of the server that writes hides later events until it
ends, those of other tests too."""

Event = dict[str, Any]


async def read(client: httpx.AsyncClient, **query: Any) -> dict[str, Any]:
    """Return one part of the feed."""
    response = await client.get(FEED, params=query)
    assert response.status_code == 200, response.text
    page: dict[str, Any] = response.json()
    return page


async def follow(client: httpx.AsyncClient, count: int, after: str | None = None, **query: Any) -> list[Event]:
    """Return the next ``count`` events."""
    found: list[Event] = []
    cursor = {"after": after} if after else {}
    async with asyncio.timeout(PATIENCE):
        while len(found) < count:
            page = await read(client, **cursor, wait=5, **query)
            found += page["items"]
            cursor = {"after": page["next"]}
    return found


async def end_of(client: httpx.AsyncClient, count: int) -> str:
    """Return the cursor behind all events, of which there are ``count``."""
    async with asyncio.timeout(PATIENCE):
        while True:
            page = await read(client, limit=max(count, 1), wait=5 if count else 0)
            if len(page["items"]) == count:
                cursor: str = page["next"]
                return cursor
