"""Let operators see failed deliveries and retry them."""

from collections.abc import Sequence

from pico_ioc import component
from pico_sqlalchemy import Page, Sort, transactional

from ..database.types import utc_now
from ..errors import ConflictError, NotFoundError
from ..events.repositories import EventRepository
from ..lists import page_request
from .models import EventDelivery
from .repositories import DeliveryRepository
from .schemas import DeliveryFilter, RedeliveryResponse

DEAD_LETTERS = DeliveryFilter()


@component
class DeliveryService:
    def __init__(self, repo: DeliveryRepository, events: EventRepository) -> None:
        self._repo = repo
        self._events = events

    @transactional(read_only=True)
    async def list_paged(
        self, page: int, page_size: int, filters: DeliveryFilter = DEAD_LETTERS
    ) -> Page[EventDelivery]:
        """Return one page of deliveries, newest event first; ``page`` 1 is the first."""
        return await self._repo.find_paged(filters, page_request(page, page_size, [Sort("event_id", "DESC")]))

    @transactional
    async def redeliver(self, event_id: int, handler: str | None = None) -> RedeliveryResponse:
        """Retry the dead letters of an event, of ``handler`` or of all handlers.

        The handler may receive the event after newer events of the same aggregate.
        Raises NotFoundError if there is no such event, ConflictError if it has no dead letter.
        """
        if not await self._events.exists(event_id):
            raise NotFoundError("There is no such event.")
        if not (handlers := await self._repo.reset_dead([event_id], handler, utc_now())):
            raise ConflictError("This event has no dead letter to deliver again.")
        return RedeliveryResponse(event_id=event_id, handlers=sorted(handlers))

    @transactional
    async def redeliver_all(self, handler: str | None = None, limit: int = 1000) -> int:
        """Retry the dead letters of up to ``limit`` events, oldest first. Return the number of deliveries."""
        events: Sequence[int] = await self._repo.find_dead_events(handler, limit)
        return len(await self._repo.reset_dead(events, handler, utc_now())) if events else 0
