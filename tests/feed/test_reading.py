"""Reading the feed over HTTP: cursors, types, permissions."""

from typing import Any

import httpx
import pytest

from ..fixture_types import Create

FEED = "/api/v1/events"


async def read(client: httpx.AsyncClient, **query: Any) -> dict[str, Any]:
    response = await client.get(FEED, params=query)
    assert response.status_code == 200, response.text
    page: dict[str, Any] = response.json()
    return page


async def test_try(manager: httpx.AsyncClient, create: Create) -> None:
    page = await read(manager)
    assert page["items"] == []
    await create()
    await create()
    page = await read(manager, limit=1)
    print(page)
    page = await read(manager, after=page["next"], wait=1)
    print(page)
    page = await read(manager, after=page["next"], wait=1)
    print(page)
    page = await read(manager, after=page["next"], types="product.*,product.created")
    print(page)
