"""The mail to a new user."""

from typing import ClassVar

from pico_ioc import component

from ..platform.events.event import RecordedEvent
from ..platform.events.handler import EventHandler
from ..platform.mail.addresses import address
from ..users.events import UserCreated
from .notifier import Notifier
from .texts import welcome


@component
class WelcomeMail(EventHandler):
    """Sends nothing to a user whose token has no address."""

    name: ClassVar[str] = "welcome-mail"
    event_types: ClassVar[frozenset[str]] = frozenset({UserCreated.type})

    def __init__(self, notifier: Notifier) -> None:
        self._notifier = notifier

    async def handle(self, event: RecordedEvent) -> None:
        email, name = event.payload["email"], event.payload["name"]
        if email:
            await self._notifier.send(self, event, [address(email, name)], welcome(name))
