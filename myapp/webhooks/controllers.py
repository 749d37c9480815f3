"""The HTTP API of webhooks."""

from typing import Annotated, Any
from uuid import UUID

from fastapi import Query
from pico_fastapi import controller
from pydantic import MISSING

from ..platform.auth.authorities import requires_permission
from ..platform.errors import ConflictError, NotFoundError, PreconditionFailedError, TargetRefusedError
from ..platform.web.paging import PageQuery, PageResponse
from ..platform.web.preconditions import IfMatch
from ..platform.web.routing import delete, get, patch, post
from .schemas import (
    PingResponse,
    RecoveryOrder,
    RecoveryResponse,
    WebhookCreate,
    WebhookDeliveryFilter,
    WebhookDeliveryResponse,
    WebhookResponse,
    WebhookUpdate,
    WebhookWithSecret,
)
from .services import WebhookService


class WebhookDeliveryQuery(WebhookDeliveryFilter, PageQuery): ...


@controller(prefix="/api/v1/webhooks", tags=["Webhooks"], scope="singleton")
class WebhookController:
    def __init__(self, service: WebhookService) -> None:
        self._service = service

    @post(
        "/",
        response_model=WebhookWithSecret,
        status_code=201,
        versioned=True,
        errors=[ConflictError, TargetRefusedError],
    )
    @requires_permission("webhooks:manage")
    async def create_webhook(self, body: WebhookCreate) -> Any:
        """Send events of these types to a server from now on. The answer shows the secret, this once."""
        return await self._service.create(body)

    @get("/", response_model=PageResponse[WebhookResponse], paged=True)
    @requires_permission("webhooks:manage")
    async def list_webhooks(self, query: Annotated[PageQuery, Query()]) -> Any:
        """List all webhooks, oldest first."""
        return await self._service.list_paged(query.page, query.page_size)

    @get("/{webhook_id:uuid}", response_model=WebhookResponse, versioned=True, errors=[NotFoundError])
    @requires_permission("webhooks:manage")
    async def get_webhook(self, webhook_id: UUID) -> Any:
        return await self._service.get_by_id(webhook_id)

    @patch(
        "/{webhook_id:uuid}",
        response_model=WebhookResponse,
        versioned=True,
        errors=[NotFoundError, PreconditionFailedError, TargetRefusedError],
    )
    @requires_permission("webhooks:manage")
    async def update_webhook(self, webhook_id: UUID, body: WebhookUpdate, expected: IfMatch) -> Any:
        """Change only the fields that are sent. `enabled: true` continues with the deliveries that wait."""
        return await self._service.update(webhook_id, body, expected)

    @delete("/{webhook_id:uuid}", status_code=204, errors=[NotFoundError, PreconditionFailedError])
    @requires_permission("webhooks:manage")
    async def delete_webhook(self, webhook_id: UUID, expected: IfMatch) -> None:
        """Delete a webhook and its deliveries."""
        await self._service.delete(webhook_id, expected)

    @post("/{webhook_id:uuid}/rotate-secret", response_model=WebhookWithSecret, versioned=True, errors=[NotFoundError])
    @requires_permission("webhooks:manage")
    async def rotate_webhook_secret(self, webhook_id: UUID) -> Any:
        """Replace the secret. For 24 hours, messages are signed with the previous one too."""
        return await self._service.rotate_secret(webhook_id)

    @post("/{webhook_id:uuid}/ping", response_model=PingResponse, errors=[NotFoundError])
    @requires_permission("webhooks:manage")
    async def ping_webhook(self, webhook_id: UUID) -> Any:
        """Send a message `webhook.ping` now and return what became of it. Works for a disabled webhook too."""
        return await self._service.ping(webhook_id)

    @get(
        "/{webhook_id:uuid}/deliveries",
        response_model=PageResponse[WebhookDeliveryResponse],
        paged=True,
        errors=[NotFoundError],
    )
    @requires_permission("webhooks:manage")
    async def list_webhook_deliveries(self, webhook_id: UUID, query: Annotated[WebhookDeliveryQuery, Query()]) -> Any:
        """List the deliveries to a webhook with their attempts, newest event first."""
        state = None if query.state is MISSING else query.state
        return await self._service.list_deliveries(webhook_id, query.page, query.page_size, state)

    @post(
        "/{webhook_id:uuid}/deliveries/{event_id:id}/redeliver",
        response_model=WebhookDeliveryResponse,
        errors=[NotFoundError, ConflictError],
    )
    @requires_permission("webhooks:manage")
    async def redeliver_to_webhook(self, webhook_id: UUID, event_id: int) -> Any:
        """Send an event again, whether it was delivered or not. It can arrive after newer events of its product."""
        return await self._service.redeliver(webhook_id, event_id)

    @post("/{webhook_id:uuid}/recover", response_model=RecoveryResponse, errors=[NotFoundError, ConflictError])
    @requires_permission("webhooks:manage")
    async def recover_webhook(self, webhook_id: UUID, body: RecoveryOrder) -> Any:
        """Send all events since a moment that were not delivered, also those that occurred while it was disabled."""
        return await self._service.recover(webhook_id, body)
