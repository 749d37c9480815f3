"""The way from an event to a mail."""

import asyncio
from collections.abc import Sequence
from email.headerregistry import Address

from pico_ioc import component

from ..platform.events.event import RecordedEvent
from ..platform.events.handler import EventHandler
from ..platform.mail.composer import Attachment, Composer
from ..platform.mail.mailer import Mailer
from .texts import Text


@component
class Notifier:
    def __init__(self, composer: Composer, mailer: Mailer) -> None:
        self._composer = composer
        self._mailer = mailer

    async def send(
        self,
        handler: EventHandler,
        event: RecordedEvent,
        to: Sequence[Address],
        text: Text,
        attachment: Attachment | None = None,
    ) -> None:
        """Raises as ``Mailer.send``. Whatever is sent twice for one event by one handler has one Message-ID."""
        reference = f"{handler.name}.{event.id}.{event.occurred_at:%Y%m%d%H%M%S%f}"
        letter = (to, text.subject, text.body, reference, attachment)
        message = await asyncio.to_thread(self._composer.compose, *letter)  # an attachment takes its time
        await self._mailer.send(message)
