"""Counts events and returns the counts."""

from collections import Counter
from collections.abc import Sequence
from datetime import UTC

from pico_ioc import component
from pico_pydantic import validate
from pico_sqlalchemy import transactional

from ..platform.events.event import RecordedEvent
from .models import EventCount
from .repositories import EventCountRepository
from .schemas import DailyCountsFilter


@component
class AnalyticsService:
    def __init__(self, repo: EventCountRepository) -> None:
        self._repo = repo

    @transactional
    async def count(self, events: Sequence[RecordedEvent]) -> None:
        """Count each event on the day (UTC) on which it occurred, however late it is delivered."""
        await self._repo.add(Counter((event.occurred_at.astimezone(UTC).date(), event.type) for event in events))

    @transactional(read_only=True)
    @validate
    async def daily(self, query: DailyCountsFilter) -> Sequence[EventCount]:
        """Return the counts, sorted by day and type. A day without events of a type has no entry for it."""
        return await self._repo.find_daily(query)
