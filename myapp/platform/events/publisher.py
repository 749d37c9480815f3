"""Write events in the transaction of the change that they describe."""

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from typing import Any

from pico_ioc import component
from pico_sqlalchemy import transactional

from ..context.actor import current_actor
from ..context.request_id import NO_REQUEST, current_request_id
from ..database.rows import Record, RowChange
from ..database.sessions import after_commit
from ..database.types import utc_now
from .commits import CommitSignal
from .event import OF_ROW, DomainEvent, RecordedEvent
from .repositories import EventRepository, Published, Queued


class Outbox(ABC):
    """The port that queues published events for delivery. One component implements it."""

    @abstractmethod
    async def enqueue(self, events: Sequence[RecordedEvent]) -> None:
        """Write the deliveries of ``events`` in the caller's transaction."""

    @abstractmethod
    def queueing(self, published: Published) -> Queued:
        """Return the statement that writes the deliveries of the events that ``published`` returns, on PostgreSQL."""


@component
class EventPublisher:
    """Handlers receive the events if and only if the caller's transaction commits."""

    def __init__(self, repo: EventRepository, outbox: Outbox, commits: CommitSignal) -> None:
        self._repo = repo
        self._outbox = outbox
        self._commits = commits

    @transactional(propagation="MANDATORY")
    async def publish(self, *events: DomainEvent) -> None:
        """Write ``events``, in order, and their deliveries in the caller's transaction.

        The caller must hold the lock of the aggregate's row. Any number of events takes one statement on PostgreSQL.
        Raises ValueError for an event without the id of its aggregate.
        """
        if any(event.aggregate_id == OF_ROW for event in events):
            raise ValueError("an event that is published alone needs the id of its aggregate")
        if not events:
            return
        self._tell_at_commit()
        told, shared = told_values(events), shared_values()
        if self._repo.writes_at_once:
            await self._repo.add_and_queue(told, shared, self._outbox.queueing)
        else:
            await self._add(told, shared)

    @transactional(propagation="MANDATORY")
    async def write(self, change: RowChange, *events: DomainEvent) -> Record:
        """Make ``change`` and write ``events`` about its row, in order, and their deliveries. Return the row.

        All of it takes one statement on PostgreSQL. The aggregate of the events is the row, also of an event
        ``OF_ROW``. Unless the row is new, the caller must hold its lock.
        """
        if not events:
            return await self._repo.change(change)
        self._tell_at_commit()
        told, shared = told_values(events), shared_values()
        if self._repo.writes_at_once:
            return await self._repo.write(change, told, shared, self._outbox.queueing)
        row = await self._repo.change(change)
        await self._add([{**values, "aggregate_id": str(row[0])} for values in told], shared)
        return row

    def _tell_at_commit(self) -> None:
        if self._commits.is_heard:
            after_commit(self._commits.tell)

    async def _add(self, told: Sequence[Mapping[str, Any]], shared: Mapping[str, Any]) -> None:
        rows = [{**values, **shared} for values in told]
        ids = await self._repo.add(rows)
        await self._outbox.enqueue([RecordedEvent(id, **row) for id, row in zip(ids, rows, strict=True)])


def told_values(events: Sequence[DomainEvent]) -> list[dict[str, Any]]:
    return [
        {
            "type": event.type,
            "aggregate": event.aggregate,
            "aggregate_id": event.aggregate_id,
            "version": event.version,
            "payload": event.payload(),
        }
        for event in events
    ]


def shared_values() -> dict[str, Any]:
    request_id = current_request_id()
    return {
        "actor": current_actor(),
        "request_id": None if request_id == NO_REQUEST else request_id,
        "occurred_at": utc_now(),
    }
