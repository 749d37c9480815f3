"""Sends a mail for an event."""

import asyncio
from collections.abc import Sequence
from email.headerregistry import Address

from pico_ioc import component

from ..platform.errors import MailUnavailableError
from ..platform.events.event import RecordedEvent
from ..platform.events.handler import EventHandler, HandlerError
from ..platform.mail.composer import Attachment, Composer
from ..platform.mail.mailer import Mailer, MailRefusedError, Refusal, describe
from ..platform.outbox.progress import DeliveryProgress
from .texts import Text


class MailDelayedError(HandlerError):
    """Some recipients do not have the mail yet, and a retry may help. The message names them."""


@component
class Notifier:
    def __init__(self, composer: Composer, mailer: Mailer, progress: DeliveryProgress) -> None:
        self._composer = composer
        self._mailer = mailer
        self._progress = progress

    async def send(
        self,
        handler: EventHandler,
        event: RecordedEvent,
        to: Sequence[Address],
        text: Text,
        attachment: Attachment | None = None,
    ) -> None:
        """Send one mail. Repeated sends of a handler for the same event have the same Message-ID.

        After an error, the next attempt sends the mail only to recipients that have neither accepted it nor refused it
        for good. Raises MailUnavailableError or MailDelayedError if a retry may help, and MailRefusedError if all
        recipients that do not have the mail have refused it for good. The handler must not catch these errors.
        """
        recipients = list(dict.fromkeys(one.addr_spec for one in to))
        known = await self._progress.read(handler, event) if len(recipients) > 1 else {}
        settled = {one: known[one] for one in recipients if one in known}
        delayed: dict[str, str] = {}
        if remaining := [one for one in recipients if one not in settled]:
            reference = f"{handler.name}.{event.id}.{event.occurred_at:%Y%m%d%H%M%S%f}"
            content = (to, text.subject, text.body, reference, attachment)
            message = await asyncio.to_thread(self._composer.compose, *content)  # encoding an attachment takes time
            try:
                refusals = await self._mailer.offer(message, remaining)
            except MailRefusedError as error:
                refusals = {one: Refusal(str(error), is_permanent=True) for one in remaining}
            except MailUnavailableError as error:
                if not settled:
                    raise
                refusals = {one: Refusal(str(error), is_permanent=False) for one in remaining}
            delayed = {one: refusal.reason for one, refusal in refusals.items() if not refusal.is_permanent}
            refused = {one: refusal.reason for one, refusal in refusals.items() if refusal.is_permanent}
            settled |= {one: refused.get(one) for one in remaining if one not in delayed}  # None: accepted
        lost = describe({one: answer for one, answer in settled.items() if answer})
        if delayed:
            reason = f"not sent yet to {describe(delayed)}"
            raise MailDelayedError(f"{reason}; refused for good by {lost}" if lost else reason, settled)
        if lost:
            raise MailRefusedError(f"refused for good by {lost}", settled)
