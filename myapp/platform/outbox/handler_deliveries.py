"""The deliveries of handlers that a ``HandlerSource`` supplies: the feature adds, shows and repeats them itself."""

from collections.abc import Iterable, Sequence

from pico_ioc import component
from pico_sqlalchemy import Page, Sort, transactional

from ..database.types import utc_now
from ..errors import ConflictError, NotFoundError
from ..events.event import RecordedEvent
from ..lists import page_request
from .models import EventDelivery
from .repositories import DeliveryRepository
from .states import DeliveryState


@component
class HandlerDeliveries:
    def __init__(self, repo: DeliveryRepository) -> None:
        self._repo = repo

    @transactional(propagation="MANDATORY")
    async def add(self, addressed: Iterable[tuple[RecordedEvent, str]]) -> int:
        """Add the deliveries of pairs of an event and the name of a handler, in the caller's transaction.

        A delivery that exists already stays as it is. Return the number of new ones.
        """
        rows = [
            {
                "event_id": event.id,
                "handler": handler,
                "aggregate": event.aggregate,
                "aggregate_id": event.aggregate_id,
                "next_at": event.occurred_at,
            }
            for event, handler in addressed
        ]
        return await self._repo.add_missing(rows) if rows else 0

    @transactional
    async def recover(self, handler: str, events: Sequence[RecordedEvent]) -> int:
        """Deliver those of ``events`` again that are dead letters of ``handler`` or that it never had.

        Return how many. They can reach the handler after newer events of their aggregates.
        """
        if not events:
            return 0
        revived = await self._repo.reset(handler, [event.id for event in events], ["dead"], utc_now())
        return revived + await self.add((event, handler) for event in events)

    @transactional
    async def redeliver(self, handler: str, event_id: int) -> EventDelivery:
        """Deliver an event again, whether it was delivered or is a dead letter. Return its delivery.

        Raises NotFoundError if there is no such delivery, ConflictError if it is pending.
        """
        reset = await self._repo.reset(handler, [event_id], ["delivered", "dead"], utc_now())
        delivery = await self._repo.find_one(handler, event_id)
        if delivery is None:
            raise NotFoundError("There is no such delivery.")
        if not reset:
            raise ConflictError("This delivery is pending already.")
        return delivery

    @transactional(read_only=True)
    async def list_paged(
        self, handler: str, page: int, page_size: int, state: DeliveryState | None = None
    ) -> Page[EventDelivery]:
        """Return one page of the deliveries of ``handler``, newest event first; ``page`` 1 is the first."""
        return await self._repo.find_of_source(
            handler, state, page_request(page, page_size, [Sort("event_id", "DESC")])
        )

    @transactional
    async def delete(self, handler: str, limit: int) -> int:
        """Delete up to ``limit`` deliveries of ``handler``. Return how many."""
        return await self._repo.delete_of_source(handler, limit)
