"""Each event is counted once, on the day on which it occurred."""

import asyncio
import random
from collections.abc import Awaitable, Callable, Iterator
from datetime import UTC, date, datetime, timedelta, timezone
from typing import Any

import httpx
import pytest
from pico_ioc import PicoContainer
from pico_sqlalchemy import SessionManager
from sqlalchemy import event

from myapp.analytics.events import COUNTED
from myapp.analytics.handlers import AnalyticsHandler
from myapp.analytics.services import AnalyticsService
from myapp.platform.database.types import utc_now
from myapp.platform.events.event import DomainEvent, RecordedEvent
from myapp.platform.outbox.queue import DeliveryQueue, LostClaimError
from myapp.platform.outbox.relay import EventRelay
from myapp.products.services import ProductService

Counts = dict[tuple[str, str], int]
Daily = Callable[..., Awaitable[Counts]]

LAMP = {"name": "Lamp", "price": 1, "stock": 9}


@pytest.fixture
def analytics(container: PicoContainer) -> AnalyticsService:
    made: AnalyticsService = container.get(AnalyticsService)
    return made


@pytest.fixture
def daily(admin: httpx.AsyncClient) -> Daily:
    async def read(**parameters: Any) -> Counts:
        response = await admin.get("/api/v1/analytics/daily", params=parameters)
        assert response.status_code == 200, response.text
        return {(row["day"], row["type"]): row["count"] for row in response.json()}

    return read


def an_event(type: str = "product.created", occurred_at: datetime | None = None) -> RecordedEvent:
    return RecordedEvent(1, type, "product", "1", 1, {}, "system", None, occurred_at or utc_now())


def types_of(kind: type[DomainEvent]) -> Iterator[str]:
    for special in kind.__subclasses__():
        if special.__module__.startswith("myapp.") and isinstance(getattr(special, "type", None), str):
            yield special.type
        yield from types_of(special)


async def test_counts_by_type(container: PicoContainer, service: ProductService, daily: Daily) -> None:
    today = str(utc_now().date())
    products = [await service.create(LAMP) for _ in range(3)]
    for stock in (8, 7, 3):
        await service.update(products[0].id, {"stock": stock})
    await service.update(products[1].id, {"stock": 8, "active": False})
    await service.delete(products[2].id)
    assert await daily() == {}
    relay = container.get(EventRelay)
    while await relay.deliver_due():
        pass
    expected = {"created": 3, "updated": 4, "deactivated": 1, "deleted": 1, "stock_low": 1}
    if utc_now().date() == date.fromisoformat(today):
        assert await daily() == {(today, f"product.{verb}"): count for verb, count in expected.items()}


async def test_a_day_is_one_of_utc(analytics: AnalyticsService, daily: Daily) -> None:
    east = timezone(timedelta(hours=2))
    await analytics.count(
        [
            an_event(occurred_at=datetime(2026, 3, 1, 1, 59, 59, 999_999, tzinfo=east)),
            an_event(occurred_at=datetime(2026, 3, 1, 2, 0, tzinfo=east)),
            an_event(occurred_at=datetime(2026, 3, 1, 23, 59, 59, tzinfo=UTC)),
        ]
    )
    counts = await daily(**{"from": "2026-02-01", "to": "2026-03-31"})
    assert counts == {("2026-02-28", "product.created"): 1, ("2026-03-01", "product.created"): 2}


async def test_a_second_delivery_is_not_counted(
    container: PicoContainer, service: ProductService, daily: Daily
) -> None:
    queue, handler = container.get(DeliveryQueue), container.get(AnalyticsHandler)
    for _ in range(2):
        await service.create(LAMP)
    claims, _ = await queue.claim("analytics", 10)
    await queue.deliver_in_transaction(handler, claims[:1])
    for again in (claims[:1], claims):
        with pytest.raises(LostClaimError):
            await queue.deliver_in_transaction(handler, again)
    assert list((await daily()).values()) == [1]
    await queue.deliver_in_transaction(handler, claims[1:])
    assert list((await daily()).values()) == [2]


async def test_events_of_a_batch_are_counted_in_one_statement(
    container: PicoContainer, service: ProductService, daily: Daily
) -> None:
    """The statement runs at the end of the transaction, so no process locks a row for long."""
    statements: list[str] = []
    engine = container.get(SessionManager).engine.sync_engine

    def note(_connection: object, _cursor: object, statement: str, *_: object) -> None:
        statements.append(statement)

    for _ in range(5):
        product = await service.create(LAMP)
    await service.deactivate(product.id)
    event.listen(engine, "before_cursor_execute", note)
    try:
        while await container.get(EventRelay).deliver_due():
            pass
    finally:
        event.remove(engine, "before_cursor_execute", note)
    assert sum((await daily()).values()) == 6
    assert sum("INSERT INTO event_counts" in statement for statement in statements) == 2


async def test_what_is_rolled_back_is_not_counted(
    container: PicoContainer, service: ProductService, daily: Daily
) -> None:
    queue, handler = container.get(DeliveryQueue), container.get(AnalyticsHandler)
    await service.create(LAMP)
    claims, _ = await queue.claim("analytics", 10)

    async def deliver_and_fail() -> None:
        async with container.get(SessionManager).transaction():
            await queue.deliver_in_transaction(handler, claims)
            raise ConnectionError

    with pytest.raises(ConnectionError):
        await deliver_and_fail()
    assert await daily() == {}
    await queue.deliver_in_transaction(handler, claims)
    assert list((await daily()).values()) == [1]


async def test_many_may_count_at_once(analytics: AnalyticsService, daily: Daily) -> None:
    """There is no deadlock, whatever the order of the events."""
    types, days = sorted(COUNTED), [datetime(2026, 3, day, tzinfo=UTC) for day in (1, 2)]

    async def count(seed: int) -> None:
        events = [an_event(type, day) for type in types for day in days]
        random.Random(seed).shuffle(events)
        for batch in (events, events[:7]):
            await analytics.count(batch)

    await asyncio.gather(*map(count, range(8)))
    counts = await daily(**{"from": "2026-03-01", "to": "2026-03-31"})
    assert len(counts) == len(types) * len(days)
    assert sum(counts.values()) == 8 * (len(types) * len(days) + 7)


def test_every_event_is_counted(container: PicoContainer) -> None:
    assert set(types_of(DomainEvent)) == COUNTED
