"""The interface that a feature implements to receive events, its own or those of other features."""

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from typing import ClassVar

from .event import RecordedEvent

Progress = Mapping[str, str | None]
"""The parts of a delivery that need no further attempt, by name: None if done, or the reason of a failure for good."""


class HandlerError(Exception):
    """A failure that a handler foresees. The message is one line for operators; the log has no traceback.

    ``progress`` is stored with the delivery. The next attempt reads it from ``DeliveryProgress``.
    """

    def __init__(self, message: str, progress: Progress | None = None) -> None:
        super().__init__(message)
        self.progress = progress


class PermanentFailureError(HandlerError):
    """No retry can help: the delivery becomes a dead letter at once."""


class EventHandler(ABC):
    """A component that receives every event of ``event_types`` at least once, in order for each aggregate.

    ``name`` is stored in the database: do not change it. ``handle`` raises if its work failed, and is called again
    later, unless it raised PermanentFailureError. It runs outside of any transaction. It may receive an event twice, if
    the process crashed between its work and the record of the delivery. It must not block the event loop, and is
    cancelled after ``events.handler_timeout`` seconds.

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
