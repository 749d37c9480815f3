"""The event handler that counts."""

from collections.abc import Sequence
from typing import ClassVar

from pico_ioc import component

from ..platform.events.event import RecordedEvent
from ..platform.events.handler import EventHandler
from .events import COUNTED
from .services import AnalyticsService


@component
class AnalyticsHandler(EventHandler):
    """Counts in the transaction that records the delivery, so a repeated delivery is not counted again."""

    name: ClassVar[str] = "analytics"
    event_types: ClassVar[frozenset[str]] = COUNTED
    in_transaction: ClassVar[bool] = True

    def __init__(self, service: AnalyticsService) -> None:
        self._service = service

    async def handle(self, event: RecordedEvent) -> None:
        await self._service.count([event])

    async def handle_all(self, events: Sequence[RecordedEvent]) -> None:
        """Count all events in the last statement of the transaction, so that the rows are locked only briefly."""
        await self._service.count(events)
