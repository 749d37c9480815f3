"""Routes of deliveries, for operators."""

from typing import Annotated, Any

from fastapi import Query
from pico_fastapi import controller

from ..auth.authorities import requires_permission
from ..errors import ConflictError, NotFoundError
from ..web.paging import PageQuery, PageResponse
from ..web.routing import get, post
from .schemas import DeliveryFilter, DeliveryResponse, RedeliveryOrder, RedeliveryResponse
from .services import DeliveryService


class DeliveryListQuery(DeliveryFilter, PageQuery): ...


@controller(prefix="/api/v1/admin/events", tags=["Events"], scope="singleton")
class DeliveryController:
    def __init__(self, service: DeliveryService) -> None:
        self._service = service

    @get("/", response_model=PageResponse[DeliveryResponse], paged=True)
    @requires_permission("events:admin")
    async def list_deliveries(self, query: Annotated[DeliveryListQuery, Query()]) -> Any:
        """List deliveries of events to handlers, newest event first. Without `state`, the list has the dead letters."""
        return await self._service.list_paged(query.page, query.page_size, query)

    @post("/{event_id:id}/redeliver", response_model=RedeliveryResponse, errors=[NotFoundError, ConflictError])
    @requires_permission("events:admin")
    async def redeliver_event(self, event_id: int, body: RedeliveryOrder | None = None) -> Any:
        """Retry the dead letters of an event. Its handlers may receive it after newer events of the same aggregate."""
        return await self._service.redeliver(event_id, body.handler if body else None)
