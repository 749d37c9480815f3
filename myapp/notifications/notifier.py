"""Sends a mail for an event."""

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
        """Send one mail. Repeated sends of a handler for the same event have the same Message-ID.

        Raises the errors of ``Mailer.send``.
        """
        reference = f"{handler.name}.{event.id}.{event.occurred_at:%Y%m%d%H%M%S%f}"
        content = (to, text.subject, text.body, reference, attachment)
        message = await asyncio.to_thread(self._composer.compose, *content)  # encoding an attachment takes time
        await self._mailer.send(message)
