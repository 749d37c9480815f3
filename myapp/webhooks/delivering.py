"""Deliver events to webhooks: each webhook is a handler of its own, with its own order, attempts and dead letters."""

from collections.abc import Collection, Sequence
from typing import ClassVar
from uuid import UUID

from pico_ioc import component

from ..platform.database.types import Condition, utc_now
from ..platform.events.event import RecordedEvent
from ..platform.events.handler import EventHandler, HandlerError, HandlerSource, PermanentFailureError
from .event_types import SENT
from .messages import message_of
from .models import Webhook
from .records import HANDLER_PREFIX, WebhookRecords, handler_name
from .repositories import HAS_ENABLED
from .sending import GONE, WebhookSender

MINUTE, HOUR = 60.0, 3600.0


@component
class WebhookFanOut(EventHandler):
    """Adds a delivery for each webhook that asks for the event, so a change costs the same with one and with many."""

    name: ClassVar[str] = "webhook-fan-out"
    event_types: ClassVar[frozenset[str]] = frozenset(SENT)
    in_transaction: ClassVar[bool] = True
    needed_if: ClassVar[Condition] = HAS_ENABLED

    def __init__(self, records: WebhookRecords) -> None:
        self._records = records

    async def handle(self, event: RecordedEvent) -> None:
        await self._records.fan_out([event])

    async def handle_all(self, events: Sequence[RecordedEvent]) -> None:
        await self._records.fan_out(events)


class WebhookHandler(EventHandler):
    """Sends events to one webhook. The pauses are those that Standard Webhooks recommends: three days in all."""

    event_types: ClassVar[frozenset[str]] = frozenset()  # the fan-out selects the events
    pauses: ClassVar[Sequence[float]] = (
        5.0,
        5 * MINUTE,
        30 * MINUTE,
        2 * HOUR,
        5 * HOUR,
        10 * HOUR,
        14 * HOUR,
        20 * HOUR,
        24 * HOUR,
    )

    def __init__(self, webhook: Webhook, sender: WebhookSender, records: WebhookRecords) -> None:
        self.name = handler_name(webhook.id)  # type: ignore[misc]  # each instance is another handler
        self._webhook = webhook
        self._sender = sender
        self._records = records

    async def handle(self, event: RecordedEvent) -> None:
        keys = self._webhook.keys_at(utc_now())
        outcome = await self._sender.send(self._webhook.url, keys, message_of(event))
        await self._records.record(self._webhook.id, event.id, outcome)
        if outcome.error is None:
            return
        reason = outcome.error if outcome.status is None else f"{outcome.error} {outcome.status}"
        if outcome.status == GONE:
            raise PermanentFailureError(reason)
        raise HandlerError(reason, retry_after=outcome.retry_after)


@component
class WebhookHandlers(HandlerSource):
    """Supplies a handler for each enabled webhook. The deliveries of a disabled one wait until it is enabled."""

    prefix: ClassVar[str] = HANDLER_PREFIX

    def __init__(self, sender: WebhookSender, records: WebhookRecords) -> None:
        self._sender = sender
        self._records = records

    async def find(self, names: Collection[str]) -> Sequence[EventHandler]:
        webhooks = await self._records.find_enabled([UUID(name.removeprefix(self.prefix)) for name in names])
        return [WebhookHandler(webhook, self._sender, self._records) for webhook in webhooks]
