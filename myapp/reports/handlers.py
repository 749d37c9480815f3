"""Large reports go to the queue, when they were asked for."""

from typing import ClassVar

from pico_ioc import component

from ..platform.events.event import RecordedEvent
from ..platform.events.handler import EventHandler
from .events import ReportRequested
from .queue import ReportQueue


@component
class ReportQueueHandler(EventHandler):
    """A broker that is down hurts no request: the event is delivered again."""

    name: ClassVar[str] = "report-queue"
    event_types: ClassVar[frozenset[str]] = frozenset({ReportRequested.type})

    def __init__(self, queue: ReportQueue) -> None:
        self._queue = queue

    async def handle(self, event: RecordedEvent) -> None:
        if not event.payload["inline"]:
            await self._queue.send(event.aggregate_id)
