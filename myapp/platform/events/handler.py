"""What a feature implements to hear of events, of its own or of others."""

from abc import ABC, abstractmethod
from collections.abc import Sequence
from typing import ClassVar

from .event import RecordedEvent


class EventHandler(ABC):
    """A component that is told of every event of ``event_types``, at least once, and in order for each aggregate.

    ``name`` stands in the database: it must not change. ``handle`` raises when it has not done its work; it is called
    again later. It runs outside of any transaction and may be called again for an event that it has dealt with, after
    a crash that fell between its work and the record of it. It must not block the event loop, and is cancelled after
    ``events.handler_timeout`` seconds.

    A handler that only writes to the database sets ``in_transaction``: ``handle`` then joins the transaction that
    records the delivery, so that its writes happen exactly once; ``events.transaction_timeout`` holds.
    """

    name: ClassVar[str]
    event_types: ClassVar[frozenset[str]]
    in_transaction: ClassVar[bool] = False

    @abstractmethod
    async def handle(self, event: RecordedEvent) -> None: ...

    async def handle_all(self, events: Sequence[RecordedEvent]) -> None:
        """What a handler with ``in_transaction`` is told at a time, in order, each event of another aggregate. Several
        processes do this at once: whoever writes to rows that events share does it in one order, here."""
        for event in events:
            await self.handle(event)
