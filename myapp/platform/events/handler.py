"""The interface that a feature implements to receive events, its own or those of other features."""

from abc import ABC, abstractmethod
from collections.abc import Sequence
from typing import ClassVar

from .event import RecordedEvent


class EventHandler(ABC):
    """A component that receives every event of ``event_types`` at least once, in order for each aggregate.

    ``name`` is stored in the database: do not change it. ``handle`` raises if its work failed, and is called again
    later. It runs outside of any transaction. It may receive an event twice, if the process crashed between its work
    and the record of the delivery. It must not block the event loop, and is cancelled after ``events.handler_timeout``
    seconds.

    A handler that only writes to the database sets ``in_transaction``. Then ``handle`` runs in the transaction that
    records the delivery, so its writes happen exactly once. ``events.transaction_timeout`` is its time limit.
    """

    name: ClassVar[str]
    event_types: ClassVar[frozenset[str]]
    in_transaction: ClassVar[bool] = False

    @abstractmethod
    async def handle(self, event: RecordedEvent) -> None: ...

    async def handle_all(self, events: Sequence[RecordedEvent]) -> None:
        """Handle a batch for a handler with ``in_transaction``: in order, each event of another aggregate.

        Batches run concurrently in several processes. Override this to update shared rows in a fixed order.
        """
        for event in events:
            await self.handle(event)
