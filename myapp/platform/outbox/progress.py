"""What earlier attempts of a delivery have finished."""

from pico_ioc import component
from pico_sqlalchemy import transactional

from ..events.event import RecordedEvent
from ..events.handler import EventHandler, Progress
from .repositories import DeliveryRepository


@component
class DeliveryProgress:
    def __init__(self, repo: DeliveryRepository) -> None:
        self._repo = repo

    @transactional(read_only=True)
    async def read(self, handler: EventHandler, event: RecordedEvent) -> Progress:
        """Return the progress that the handler's last ``HandlerError`` for this event has stored.

        When an operator redelivers the event, parts that had failed for good are open again.
        """
        attempt, progress = await self._repo.find_progress(handler.name, event.id)
        return progress if attempt > 1 else {part: failure for part, failure in progress.items() if failure is None}
