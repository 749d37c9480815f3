"""Domain events and how they are written."""

from dataclasses import dataclass, fields
from typing import Any, ClassVar

from pico_ioc import component
from pico_sqlalchemy import transactional
from pydantic_core import to_jsonable_python

from ..context.actor import current_actor
from ..context.request_id import NO_REQUEST, current_request_id
from ..database.types import utc_now
from ..outbox.subscriptions import Subscriptions
from .repositories import EventRepository


@dataclass(frozen=True, kw_only=True)
class DomainEvent:
    """Something that has happened to an aggregate, named in the past tense; it holds ids and values, no entities.

    ``type`` is ``aggregate.verb``; ``version`` is the aggregate's after the change. The other fields are the payload.
    """

    type: ClassVar[str]
    aggregate: ClassVar[str]

    aggregate_id: str
    version: int

    def payload(self) -> dict[str, Any]:
        own = [field.name for field in fields(self) if field.name not in ("aggregate_id", "version")]
        values: dict[str, Any] = to_jsonable_python({name: getattr(self, name) for name in own})
        return values


@component
class EventPublisher:
    def __init__(self, repo: EventRepository, subscriptions: Subscriptions) -> None:
        self._repo = repo
        self._subscriptions = subscriptions

    @transactional(propagation="MANDATORY")
    async def publish(self, *events: DomainEvent) -> None:
        """Write ``events``, in order, and their deliveries in the caller's transaction: they are delivered if and only
        if it commits. The caller holds the lock of the aggregate's row."""
        now = utc_now()
        request_id = None if current_request_id() == NO_REQUEST else current_request_id()
        for event in events:
            row = {
                "type": event.type,
                "aggregate": event.aggregate,
                "aggregate_id": event.aggregate_id,
                "version": event.version,
                "payload": event.payload(),
                "actor": current_actor(),
                "request_id": request_id,
                "occurred_at": now,
            }
            event_id = await self._repo.add(row)
            deliveries = [
                {
                    "event_id": event_id,
                    "handler": handler,
                    "aggregate": event.aggregate,
                    "aggregate_id": event.aggregate_id,
                    "next_at": now,
                }
                for handler in self._subscriptions.handlers_of(event.type)
            ]
            if deliveries:
                await self._repo.add_deliveries(deliveries)
