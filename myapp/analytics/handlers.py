"""How the counts hear of events."""

from collections.abc import Sequence
from typing import ClassVar

from pico_ioc import component

from ..platform.events.event import RecordedEvent
from ..platform.events.handler import EventHandler
from .events import COUNTED
from .services import AnalyticsService


@component
class AnalyticsHandler(EventHandler):
    """Counts in the transaction that records the delivery: each event once, however often it is delivered."""

    name: ClassVar[str] = "analytics"
    event_types: ClassVar[frozenset[str]] = COUNTED
    in_transaction: ClassVar[bool] = True

    def __init__(self, service: AnalyticsService) -> None:
        self._service = service

    async def handle(self, event: RecordedEvent) -> None:
        await self._service.count([event])

    async def handle_all(self, events: Sequence[RecordedEvent]) -> None:
        """In one statement, at the end of the transaction: the rows of the day are locked for a moment only."""
        await self._service.count(events)
