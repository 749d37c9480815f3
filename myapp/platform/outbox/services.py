"""What an operator sees and does when deliveries fail."""

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

GIVEN_UP = DeliveryFilter()


@component
class DeliveryService:
    def __init__(self, repo: DeliveryRepository, events: EventRepository) -> None:
        self._repo = repo
        self._events = events

    @transactional(read_only=True)
    async def list_paged(self, page: int, page_size: int, filters: DeliveryFilter = GIVEN_UP) -> Page[EventDelivery]:
        """Return one page of deliveries; ``page`` 1 is the first. The newest event comes first."""
        return await self._repo.find_paged(filters, page_request(page, page_size, [Sort("event_id", "DESC")]))

    @transactional
    async def redeliver(self, event_id: int, handler: str | None = None) -> RedeliveryResponse:
        """Begin anew with an event that was given up. It may come late: its successors did not wait.

        Raises NotFoundError, ConflictError where nobody has given it up.
        """
        if not await self._events.exists(event_id):
            raise NotFoundError("There is no such event.")
        if not (handlers := await self._repo.revive([event_id], handler, utc_now())):
            raise ConflictError("No delivery of this event was given up.")
        return RedeliveryResponse(event_id=event_id, handlers=sorted(handlers))

    @transactional
    async def redeliver_all(self, handler: str | None = None, limit: int = 1000) -> int:
        """The same for up to ``limit`` events, oldest first; the number of deliveries."""
        events: Sequence[int] = await self._repo.find_dead_events(handler, limit)
        return len(await self._repo.revive(events, handler, utc_now())) if events else 0
