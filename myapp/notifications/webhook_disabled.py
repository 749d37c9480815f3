"""The mail to the owner of a webhook that the service has disabled."""

from typing import ClassVar

from pico_ioc import component

from ..platform.events.event import RecordedEvent
from ..platform.events.handler import EventHandler
from ..platform.mail.addresses import address
from ..webhooks.events import WebhookDisabled
from .notifier import Notifier
from .texts import webhook_disabled


@component
class WebhookDisabledMail(EventHandler):
    """Sends nothing if the owner's token had no address when the webhook was created."""

    name: ClassVar[str] = "webhook-disabled-mail"
    event_types: ClassVar[frozenset[str]] = frozenset({WebhookDisabled.type})

    def __init__(self, notifier: Notifier) -> None:
        self._notifier = notifier

    async def handle(self, event: RecordedEvent) -> None:
        if email := event.payload["email"]:
            text = webhook_disabled(event.aggregate_id, event.payload["url"], event.payload["reason"])
            await self._notifier.send(self, event, [address(email)], text)
