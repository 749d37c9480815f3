"""What the delivery of events to webhooks reads and writes."""

from collections.abc import Collection, Sequence
from datetime import datetime, timedelta
from uuid import UUID

from pico_ioc import component
from pico_sqlalchemy import transactional

from ..platform.database.types import utc_now
from ..platform.events.event import RecordedEvent
from ..platform.events.publisher import EventPublisher
from ..platform.outbox.handler_deliveries import HandlerDeliveries
from .event_types import is_asked_for
from .events import WebhookDisabled
from .models import DisabledReason, Webhook
from .repositories import WebhookRepository
from .sending import GONE, Outcome
from .targets import target_url

HANDLER_PREFIX = "webhook:"
"""Begins the names of handlers that are webhooks. It is stored in the database: do not change it."""

MAX_FAILURE = timedelta(days=5)
"""A webhook is disabled if all attempts of this time have failed."""


def handler_name(webhook_id: UUID) -> str:
    return f"{HANDLER_PREFIX}{webhook_id}"


@component
class WebhookRecords:
    def __init__(self, repo: WebhookRepository, deliveries: HandlerDeliveries, publisher: EventPublisher) -> None:
        self._repo = repo
        self._deliveries = deliveries
        self._publisher = publisher

    @transactional(propagation="MANDATORY")
    async def fan_out(self, events: Sequence[RecordedEvent]) -> None:
        """Add the deliveries of ``events`` to the webhooks that ask for them."""
        subscriptions = await self._repo.find_subscriptions()
        await self._deliveries.add(
            (event, handler_name(webhook_id))
            for event in events
            for webhook_id, event_types in subscriptions
            if is_asked_for(event.type, event_types)
        )

    @transactional(read_only=True)
    async def find_enabled(self, webhook_ids: Collection[UUID]) -> Sequence[Webhook]:
        return await self._repo.find_enabled(webhook_ids)

    @transactional
    async def record(self, webhook_id: UUID, event_id: int, outcome: Outcome) -> None:
        """Record an attempt. Disable the webhook if it is gone, or if it has failed for ``MAX_FAILURE``."""
        webhook = await self._repo.lock_by_id(webhook_id)
        if webhook is None:
            return  # it was deleted meanwhile
        await self._repo.add_attempt(
            webhook_id=webhook_id,
            event_id=event_id,
            attempted_at=outcome.started_at,
            status=outcome.status,
            error=outcome.error,
            duration_ms=outcome.duration_ms,
        )
        if outcome.error is None:
            await self._repo.set_failing_since(webhook_id, None)
            return
        failing_since = webhook.failing_since or outcome.started_at
        if outcome.status == GONE:
            await self._disable(webhook, "gone")
        elif utc_now() - failing_since >= MAX_FAILURE:
            await self._disable(webhook, "failing")
        else:
            await self._repo.set_failing_since(webhook_id, failing_since)

    async def _disable(self, webhook: Webhook, reason: DisabledReason) -> None:
        if not webhook.enabled:
            return
        webhook.enabled, webhook.disabled_reason = False, reason
        await self._repo.save(webhook)
        await self._publisher.publish(
            WebhookDisabled(
                aggregate_id=str(webhook.id),
                version=webhook.version,
                url=str(target_url(webhook.url).copy_with(query=None)),
                reason=reason,
                email=webhook.email,
            )
        )

    @transactional
    async def remove_deleted(self, before: datetime, limit: int) -> int:
        """Remove up to ``limit`` rows of webhooks that were deleted before ``before``. Return how many."""
        for webhook_id in await self._repo.find_deleted(before):
            removed = await self._deliveries.delete(handler_name(webhook_id), limit)
            removed = removed or await self._repo.delete_attempts_of(webhook_id, limit)
            if removed:
                return removed
            await self._repo.remove(webhook_id)
        return 0

    @transactional
    async def delete_attempts(self, before: datetime, limit: int) -> int:
        """Delete up to ``limit`` records of attempts before ``before``. Return how many."""
        return await self._repo.delete_attempts_before(before, limit)
