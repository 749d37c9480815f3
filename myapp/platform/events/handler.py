"""The interface that a feature implements to receive events, its own or those of other features."""

from abc import ABC, abstractmethod
from collections.abc import Collection, Mapping, Sequence
from typing import ClassVar

from ..database.types import Condition
from .event import RecordedEvent

Progress = Mapping[str, str | None]
"""The parts of a delivery that need no further attempt, by name: None if done, or the reason of a failure for good."""


class HandlerError(Exception):
    """A failure that a handler foresees. The message is one line for operators; the log has no traceback.

    ``progress`` is stored with the delivery. The next attempt reads it from ``DeliveryProgress``. It does not begin
    earlier than ``retry_after`` seconds from now.
    """

    def __init__(self, message: str, progress: Progress | None = None, *, retry_after: float = 0.0) -> None:
        super().__init__(message)
        self.progress = progress
        self.retry_after = retry_after


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

    ``pauses`` are the seconds between its attempts, of which there is one more. None means the settings of ``events``.

    ``needed_if`` is a condition on the database. An event that is written while it is false is not delivered to the
    handler. It is part of each statement that writes events, so it must be cheap. None means that it is always true.
    """

    name: ClassVar[str]
    event_types: ClassVar[frozenset[str]]
    in_transaction: ClassVar[bool] = False
    pauses: ClassVar[Sequence[float] | None] = None
    needed_if: ClassVar[Condition | None] = None

    @abstractmethod
    async def handle(self, event: RecordedEvent) -> None: ...

    async def handle_all(self, events: Sequence[RecordedEvent]) -> None:
        """Handle a batch for a handler with ``in_transaction``: in order, each event of another aggregate.

        Batches run concurrently in several processes. Override this to update shared rows in a fixed order.
        """
        for event in events:
            await self.handle(event)


class HandlerSource(ABC):
    """A component that supplies handlers which are no components, such as one for each row of a table.

    Their names begin with ``prefix``. No event type has them as its handlers: the feature adds their deliveries
    (``HandlerDeliveries``). ``prefix`` is stored in the database: do not change it.
    """

    prefix: ClassVar[str]

    @abstractmethod
    async def find(self, names: Collection[str]) -> Sequence[EventHandler]:
        """Return the handlers of these ``names``. The deliveries of a name without a handler wait."""
