"""Read the events as an audit trail."""

from collections.abc import Collection, Sequence
from datetime import datetime

from pico_ioc import component
from pico_sqlalchemy import Page, PageRequest, transactional

from .event import RecordedEvent
from .repositories import EventRepository, to_recorded


@component
class EventHistory:
    def __init__(self, repo: EventRepository) -> None:
        self._repo = repo

    @transactional(read_only=True)
    async def find_of_aggregate(
        self, aggregate: str, aggregate_id: str, types: Collection[str], page: PageRequest
    ) -> Page[RecordedEvent]:
        """Return one page of the events of ``types`` of one aggregate, oldest first."""
        found = await self._repo.find_of_aggregate(aggregate, aggregate_id, types, page)
        return Page([to_recorded(event) for event in found.content], found.total_elements, found.page, found.size)

    @transactional(read_only=True)
    async def count_between(
        self, since: datetime, until: datetime, types: Collection[str], at_most: int | None = None
    ) -> int:
        """Count the events of ``types`` from ``since`` on and before ``until``. Stop counting at ``at_most``."""
        return await self._repo.count_between(since, until, types, at_most)

    @transactional(read_only=True)
    async def find_between(
        self, after_id: int, since: datetime, until: datetime, limit: int
    ) -> Sequence[RecordedEvent]:
        """Return up to ``limit`` events that occurred from ``since`` on and before ``until``, in id order.

        To read any number of events in constant memory, begin with ``after_id`` 0 and continue with the id of the last
        event. The last batch has fewer than ``limit``. Each batch is a separate read.
        """
        return [to_recorded(event) for event in await self._repo.find_between(after_id, since, until, limit)]
