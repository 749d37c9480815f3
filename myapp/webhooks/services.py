"""The rules of webhooks."""

from datetime import timedelta
from uuid import UUID

from pico_ioc import component
from pico_pydantic import validate
from pico_sqlalchemy import Page, Sort, transactional

from ..platform.context.actor import current_actor
from ..platform.context.claims import current_email
from ..platform.database.types import utc_now
from ..platform.errors import ConflictError, NotFoundError, TargetRefusedError
from ..platform.events.history import EventHistory
from ..platform.lists import page_request
from ..platform.outbox.handler_deliveries import HandlerDeliveries
from ..platform.outbox.settings import EventsSettings
from ..platform.outbox.states import DeliveryState
from ..platform.versions import ExpectedVersions, require_version
from .addresses import AddressRules
from .event_types import is_asked_for
from .messages import ping_of
from .models import Webhook, new_key
from .records import handler_name
from .repositories import WebhookRepository
from .schemas import RecoveryOrder, RecoveryResponse, WebhookCreate, WebhookDelivery, WebhookUpdate
from .sending import Outcome, WebhookSender
from .settings import WebhooksSettings
from .targets import address_in, target_url

PREVIOUS_SECRET_LIFETIME = timedelta(hours=24)
RECOVERY_BATCH = 1000
RECOVERY_BATCHES = 20
"""The most batches of events that one recovery reads."""


@component
class WebhookService:
    """Webhooks, for HTTP, scripts and tests. ``data`` may be a mapping.

    Raises ``NotFoundError``, ``ConflictError``, ``TargetRefusedError``, ``PreconditionFailedError``,
    ``ValidationFailedError`` (pico-pydantic) and ``DatabaseUnavailableError``.
    """

    def __init__(
        self,
        repo: WebhookRepository,
        deliveries: HandlerDeliveries,
        history: EventHistory,
        sender: WebhookSender,
        settings: WebhooksSettings,
        events_settings: EventsSettings,
    ) -> None:
        self._repo = repo
        self._deliveries = deliveries
        self._history = history
        self._sender = sender
        self._rules = AddressRules(settings.allow_networks)
        self._allows_http = bool(settings.allow_networks)
        self._max_webhooks = settings.max_webhooks
        self._keep = timedelta(days=events_settings.keep_delivered_days)

    @transactional
    @validate
    async def create(self, data: WebhookCreate) -> Webhook:
        """Create a webhook for events from now on. Raises ConflictError if there are ``webhooks.max_webhooks``."""
        self._require_target(data.url)
        if await self._repo.count() >= self._max_webhooks:
            raise ConflictError(f"There are {self._max_webhooks} webhooks already.")
        return await self._repo.save(Webhook(**data.model_dump(), owner=current_actor(), email=current_email()))

    @transactional(read_only=True)
    async def get_by_id(self, webhook_id: UUID) -> Webhook:
        return require_found(await self._repo.find_by_id(webhook_id))

    @transactional(read_only=True)
    async def list_paged(self, page: int, page_size: int) -> Page[Webhook]:
        """Return one page of webhooks, oldest first; ``page`` 1 is the first, one beyond the end is empty."""
        return await self._repo.find_paged(page_request(page, page_size, [Sort("created_at")]))

    @transactional
    @validate
    async def update(self, webhook_id: UUID, data: WebhookUpdate, expected: ExpectedVersions = None) -> Webhook:
        """Change a webhook. One that is enabled again continues with the deliveries that wait."""
        webhook = await self._lock(webhook_id, expected)
        changes = data.model_dump()
        if "url" in changes:
            self._require_target(changes["url"])
        if changes.get("enabled", webhook.enabled) != webhook.enabled:
            webhook.disabled_reason = webhook.failing_since = None
        for field, value in changes.items():
            setattr(webhook, field, value)
        return await self._repo.save(webhook)

    @transactional
    async def delete(self, webhook_id: UUID, expected: ExpectedVersions = None) -> None:
        """Delete a webhook. Nothing is sent to it any more; a sweep removes its deliveries later."""
        webhook = await self._lock(webhook_id, expected)
        webhook.deleted_at = utc_now()
        await self._repo.save(webhook)

    @transactional
    async def rotate_secret(self, webhook_id: UUID) -> Webhook:
        """Sign with a new secret, and for a day with the present one too. An older one ends now."""
        webhook = await self._lock(webhook_id, None)
        webhook.previous_key, webhook.key = webhook.key, new_key()
        webhook.previous_secret_until = utc_now() + PREVIOUS_SECRET_LIFETIME
        return await self._repo.save(webhook)

    async def ping(self, webhook_id: UUID) -> Outcome:
        """Send a test message at once, also to a disabled webhook. It takes ``webhooks.timeout`` seconds at most."""
        webhook = require_found(await self._repo.find_by_id(webhook_id))
        now = utc_now()
        return await self._sender.send(webhook.url, webhook.keys_at(now), ping_of(webhook_id, now))

    @transactional(read_only=True)
    async def list_deliveries(
        self, webhook_id: UUID, page: int, page_size: int, state: DeliveryState | None = None
    ) -> Page[WebhookDelivery]:
        """Return one page of deliveries, newest event first; ``page`` 1 is the first."""
        require_found(await self._repo.find_by_id(webhook_id))
        found = await self._deliveries.list_paged(handler_name(webhook_id), page, page_size, state)
        attempts = await self._repo.find_attempts(webhook_id, [delivery.event_id for delivery in found.content])
        content = [
            WebhookDelivery(delivery, [attempt for attempt in attempts if attempt.event_id == delivery.event_id])
            for delivery in found.content
        ]
        return Page(content, found.total_elements, found.page, found.size)

    @transactional
    async def redeliver(self, webhook_id: UUID, event_id: int) -> WebhookDelivery:
        """Deliver an event again, whether it was delivered or not. It can arrive after newer events of its product.

        Raises ConflictError if the delivery is pending.
        """
        require_found(await self._repo.find_by_id(webhook_id))
        delivery = await self._deliveries.redeliver(handler_name(webhook_id), event_id)
        return WebhookDelivery(delivery, await self._repo.find_attempts(webhook_id, [event_id]))

    @validate
    async def recover(self, webhook_id: UUID, order: RecoveryOrder) -> RecoveryResponse:
        """Deliver all events since a moment that the webhook asks for and that it has not received.

        Reads a bounded number of events. Raises ConflictError if the records of deliveries do not reach back so far.
        """
        webhook = require_found(await self._repo.find_by_id(webhook_id))
        until, after_id, deliveries, next_since = utc_now(), 0, 0, order.since
        if order.since < until - self._keep:
            raise ConflictError(f"Deliveries can be recovered for {self._keep.days} days.")
        for _ in range(RECOVERY_BATCHES):
            events = await self._history.find_between(after_id, order.since, until, RECOVERY_BATCH)
            missed = [event for event in events if is_asked_for(event.type, webhook.event_types)]
            deliveries += await self._deliveries.recover(handler_name(webhook_id), missed)
            if len(events) < RECOVERY_BATCH:
                return RecoveryResponse(deliveries=deliveries, next_since=None)
            after_id, next_since = events[-1].id, events[-1].occurred_at
        return RecoveryResponse(deliveries=deliveries, next_since=next_since)

    def _require_target(self, url: str) -> None:
        """Raise TargetRefusedError if nothing would ever be sent to ``url``."""
        parsed = target_url(url)
        address = address_in(parsed.raw_host.decode("ascii"))
        if parsed.scheme == "http" and not (self._rules.allows_private(address) if address else self._allows_http):
            raise TargetRefusedError("The URL must begin with https://.")
        if address and not self._rules.allows(address):
            raise TargetRefusedError("The address in the URL is not public.")

    async def _lock(self, webhook_id: UUID, expected: ExpectedVersions) -> Webhook:
        webhook = require_found(await self._repo.lock_by_id(webhook_id))
        require_version("webhook", webhook.version, expected)
        return webhook


def require_found(webhook: Webhook | None) -> Webhook:
    if webhook is None:
        raise NotFoundError("There is no such webhook.")
    return webhook
