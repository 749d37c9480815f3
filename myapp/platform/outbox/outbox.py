"""Write the deliveries of published events."""

from collections.abc import Collection, Sequence

from pico_ioc import component

from ..events.event import RecordedEvent
from ..events.publisher import Outbox
from ..events.repositories import Published, Queued
from .repositories import DeliveryRepository
from .subscriptions import Subscriptions


@component
class DeliveryOutbox(Outbox):
    def __init__(self, repo: DeliveryRepository, subscriptions: Subscriptions) -> None:
        self._repo = repo
        self._subscriptions = subscriptions

    def queueing(self, published: Published) -> Queued:
        return self._repo.queueing(published, self._subscriptions.as_json, self._subscriptions.conditions())

    async def enqueue(self, events: Sequence[RecordedEvent]) -> None:
        """Write one delivery for each event and each handler of its type that is needed, all in one statement."""
        unneeded = await self._find_unneeded({event.type for event in events})
        rows = [
            {
                "event_id": event.id,
                "handler": handler,
                "aggregate": event.aggregate,
                "aggregate_id": event.aggregate_id,
                "next_at": event.occurred_at,
            }
            for event in events
            for handler in self._subscriptions.handlers_of(event.type)
            if handler not in unneeded
        ]
        if rows:
            await self._repo.add(rows)

    async def _find_unneeded(self, event_types: Collection[str]) -> Collection[str]:
        handlers = {handler for each in event_types for handler in self._subscriptions.handlers_of(each)}
        conditions = self._subscriptions.conditions()
        return await self._repo.find_unneeded({name: conditions[name] for name in handlers & conditions.keys()})
