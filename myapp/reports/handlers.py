"""The event handler that sends large reports to the queue."""

from typing import ClassVar

from pico_ioc import component

from ..platform.events.event import RecordedEvent
from ..platform.events.handler import EventHandler
from .events import ReportRequested
from .queue import ReportQueue


@component
class ReportQueueHandler(EventHandler):
    """If the broker is down, the event is delivered again; the client's request is not affected."""

    name: ClassVar[str] = "report-queue"
    event_types: ClassVar[frozenset[str]] = frozenset({ReportRequested.type})

    def __init__(self, queue: ReportQueue) -> None:
        self._queue = queue

    async def handle(self, event: RecordedEvent) -> None:
        if not event.payload["inline"]:
            await self._queue.send(event.aggregate_id)
