"""Keys are deleted when their time is over."""

from datetime import timedelta

import httpx
import pytest
from pico_ioc import PicoContainer
from pico_sqlalchemy import SessionManager
from sqlalchemy import func, select, update

from myapp.platform.database.types import utc_now
from myapp.platform.idempotency.models import IdempotencyKey
from myapp.platform.idempotency.settings import IdempotencySettings
from myapp.platform.idempotency.sweeps import ExpiredKeysSweep

from .conftest import KEY, LAMP, PRODUCTS, is_replay, products

DAYS = IdempotencySettings().keep_days


@pytest.fixture
def sweep(container: PicoContainer) -> ExpiredKeysSweep:
    found: ExpiredKeysSweep = container.get(ExpiredKeysSweep)
    return found


async def age(container: PicoContainer, days: float) -> None:
    """Make all keys ``days`` old."""
    async with container.get(SessionManager).transaction() as session:
        await session.execute(update(IdempotencyKey).values(created_at=utc_now() - timedelta(days=days)))


async def count(container: PicoContainer) -> int:
    async with container.get(SessionManager).transaction(read_only=True) as session:
        return int(await session.scalar(select(func.count()).select_from(IdempotencyKey)) or 0)


async def test_an_expired_key_is_free_again(
    manager: httpx.AsyncClient, container: PicoContainer, sweep: ExpiredKeysSweep
) -> None:
    assert (await manager.post(PRODUCTS, json=LAMP, headers={KEY: "a"})).status_code == 201
    await age(container, DAYS - 0.01)
    await sweep.sweep()
    assert is_replay(await manager.post(PRODUCTS, json=LAMP, headers={KEY: "a"}))
    await age(container, DAYS + 0.01)
    await sweep.sweep()
    assert not is_replay(await manager.post(PRODUCTS, json=LAMP, headers={KEY: "a"}))
    assert len(await products(manager)) == 2


async def test_any_number_is_deleted_and_younger_ones_stay(
    manager: httpx.AsyncClient, container: PicoContainer, sweep: ExpiredKeysSweep, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(ExpiredKeysSweep, "batch_size", 2)
    for number in range(5):
        await manager.post(PRODUCTS, json=LAMP, headers={KEY: str(number)})
    await age(container, DAYS + 1)
    await manager.post(PRODUCTS, json=LAMP, headers={KEY: "young"})
    await sweep.sweep()
    assert await count(container) == 1
    assert is_replay(await manager.post(PRODUCTS, json=LAMP, headers={KEY: "young"}))
