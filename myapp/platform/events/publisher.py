"""Write events in the transaction of the change that they describe."""

from abc import ABC, abstractmethod
from collections.abc import Sequence
from datetime import datetime
from typing import Any

from pico_ioc import component
from pico_sqlalchemy import transactional

from ..context.actor import current_actor
from ..context.request_id import NO_REQUEST, current_request_id
from ..database.types import utc_now
from .event import DomainEvent, RecordedEvent
from .repositories import EventRepository


class Outbox(ABC):
    """The port that queues published events for delivery. One component implements it."""

    @abstractmethod
    async def enqueue(self, events: Sequence[RecordedEvent]) -> None:
        """Write the deliveries of ``events`` in the caller's transaction."""


@component
class EventPublisher:
    def __init__(self, repo: EventRepository, outbox: Outbox) -> None:
        self._repo = repo
        self._outbox = outbox

    @transactional(propagation="MANDATORY")
    async def publish(self, *events: DomainEvent) -> None:
        """Write ``events``, in order, and their deliveries in the caller's transaction.

        Handlers receive them if and only if that transaction commits. The caller must hold the lock of the aggregate's
        row. Up to 1,000 events take two statements: one for the events, one for the deliveries.
        """
        if events:
            now = utc_now()
            rows = [self._row(event, now) for event in events]
            ids = await self._repo.add(rows)
            await self._outbox.enqueue([RecordedEvent(id, **row) for id, row in zip(ids, rows, strict=True)])

    def _row(self, event: DomainEvent, now: datetime) -> dict[str, Any]:
        request_id = current_request_id()
        return {
            "type": event.type,
            "aggregate": event.aggregate,
            "aggregate_id": event.aggregate_id,
            "version": event.version,
            "payload": event.payload(),
            "actor": current_actor(),
            "request_id": None if request_id == NO_REQUEST else request_id,
            "occurred_at": now,
        }
