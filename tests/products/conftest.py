"""Fixtures that create products."""

from decimal import Decimal
from typing import Any

import httpx
import pytest
from pico_ioc import PicoContainer
from pico_sqlalchemy import SessionManager
from sqlalchemy import insert

from myapp.products.models import Product

from ..fixture_types import Create, Fill

COLLECTION = "/api/v1/products/"


@pytest.fixture
def create_inactive(create: Create, manager: httpx.AsyncClient) -> Create:
    async def create_one(name: str = "Retired lamp", **members: Any) -> dict[str, Any]:
        product = await create(name, **members)
        response = await manager.patch(f"{COLLECTION}{product['id']}/deactivate")
        assert response.status_code == 200, response.text
        made: dict[str, Any] = response.json()
        return made

    return create_one


@pytest.fixture
def fill(container: PicoContainer) -> Fill:
    """Insert many products directly into the table; every third is inactive."""

    async def insert_many(count: int) -> None:
        rows = [
            {
                "name": f"Product {number:06}",
                "price": Decimal(number + 1) / 100,
                "stock": number,
                "active": number % 3 != 2,
                "version": 1,
            }
            for number in range(count)
        ]
        async with container.get(SessionManager).engine.begin() as connection:
            await connection.execute(insert(Product), rows)

    return insert_many
