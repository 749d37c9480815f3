"""A facade for tests: the events and deliveries of one container."""

import asyncio
import inspect
from collections.abc import Callable, Sequence
from datetime import timedelta
from functools import cached_property
from typing import Any, cast

from pico_ioc import PicoContainer
from pico_sqlalchemy import AppBase, SessionManager
from sqlalchemy import Row, select, update

from myapp.platform.database.types import utc_now
from myapp.platform.events.event import DomainEvent
from myapp.platform.events.models import Event
from myapp.platform.events.publisher import EventPublisher
from myapp.platform.outbox.models import EventDelivery
from myapp.platform.outbox.queue import DeliveryQueue
from myapp.platform.outbox.relay import EventRelay
from myapp.platform.outbox.repositories import DeliveryRepository
from myapp.platform.outbox.services import DeliveryService
from myapp.platform.outbox.settings import EventsSettings
from tests.databases import empty_tables

from .handlers import Clerk, Listener, Neighbour, Visitor
from .things import Happened


class Room:
    def __init__(self, container: PicoContainer) -> None:
        self.manager: SessionManager = container.get(SessionManager)
        self.publisher: EventPublisher = container.get(EventPublisher)
        self.queue: DeliveryQueue = container.get(DeliveryQueue)
        self.repo: DeliveryRepository = container.get(DeliveryRepository)
        self.relay: EventRelay = container.get(EventRelay)
        self.settings: EventsSettings = container.get(EventsSettings)
        self.service: DeliveryService = container.get(DeliveryService)
        self.container = container
        self._versions: dict[str, int] = {}

    @cached_property
    def listener(self) -> Listener:
        return cast(Listener, self.container.get(Listener))

    @cached_property
    def neighbour(self) -> Neighbour:
        return cast(Neighbour, self.container.get(Neighbour))

    @cached_property
    def visitor(self) -> Visitor:
        return cast(Visitor, self.container.get(Visitor))

    @cached_property
    def clerk(self) -> Clerk:
        return cast(Clerk, self.container.get(Clerk))

    async def clear(self) -> None:
        """Empty the tables and reset the handlers, so that they succeed."""
        await empty_tables(self.manager.engine, AppBase.metadata)
        for handler in (self.listener, self.neighbour, self.visitor, self.clerk):
            handler.reset()

    def next_version(self, aggregate_id: str) -> int:
        self._versions[aggregate_id] = self._versions.get(aggregate_id, 0) + 1
        return self._versions[aggregate_id]

    async def publish(self, *events: DomainEvent) -> None:
        async with self.manager.transaction():
            await self.publisher.publish(*events)

    async def happen(self, *aggregate_ids: str, kind: type[DomainEvent] = Happened) -> None:
        """Publish one event for each id, in order."""
        await self.publish(*(kind(aggregate_id=id, version=self.next_version(id)) for id in aggregate_ids))

    async def events(self, type: str) -> Sequence[Event]:
        async with self.manager.transaction(read_only=True) as session:
            return (await session.scalars(select(Event).where(Event.type == type).order_by(Event.id))).all()

    async def deliveries(self, handler: str) -> Sequence[Row[Any]]:
        """Return the deliveries of a handler, in the order of their events."""
        columns = EventDelivery.__table__.columns
        statement = select(*columns).where(EventDelivery.handler == handler).order_by(EventDelivery.event_id)
        async with self.manager.transaction(read_only=True) as session:
            return (await session.execute(statement)).all()

    async def states(self, handler: str) -> list[str]:
        return [delivery.state for delivery in await self.deliveries(handler)]

    async def exhaust(self) -> None:
        """Make all pending deliveries due and deliver, until none is pending."""
        await self.pass_time()
        while await self.relay.deliver_due():
            await self.pass_time()

    async def update_deliveries(self, handler: str, /, **values: Any) -> None:
        """Change all deliveries of a handler behind the relay's back."""
        async with self.manager.transaction() as session:
            await session.execute(update(EventDelivery).where(EventDelivery.handler == handler).values(**values))

    async def all_are(self, handler: str, state: str) -> bool:
        return set(await self.states(handler)) == {state}

    async def pass_time(self) -> None:
        """Make all pending deliveries due, as if their leases and pauses had expired."""
        async with self.manager.transaction() as session:
            waiting = update(EventDelivery).where(EventDelivery.state == "pending")
            await session.execute(waiting.values(next_at=utc_now() - timedelta(seconds=1)))


async def until(condition: Callable[[], Any], seconds: float = 60) -> None:
    """Wait until ``condition`` returns something true. It may be a coroutine function."""
    async with asyncio.timeout(seconds):
        while not (await found if inspect.isawaitable(found := condition()) else found):  # noqa: ASYNC110
            await asyncio.sleep(0.01)
