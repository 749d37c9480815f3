"""Write the deliveries of published events."""

from collections.abc import Sequence

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
        return self._repo.queueing(published, self._subscriptions.as_json)

    async def enqueue(self, events: Sequence[RecordedEvent]) -> None:
        """Write one delivery for each event and each handler of its type, all in one statement."""
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
        ]
        if rows:
            await self._repo.add(rows)
