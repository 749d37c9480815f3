"""The events as an audit trail: what has happened, whoever was told of it."""

from collections.abc import Collection, Sequence
from datetime import datetime

from pico_ioc import component
from pico_sqlalchemy import Page, PageRequest, transactional

from .event import RecordedEvent
from .repositories import EventRepository, recorded


@component
class EventHistory:
    def __init__(self, repo: EventRepository) -> None:
        self._repo = repo

    @transactional(read_only=True)
    async def of(
        self, aggregate: str, aggregate_id: str, types: Collection[str], page: PageRequest
    ) -> Page[RecordedEvent]:
        """The events of some types of one aggregate, oldest first."""
        found = await self._repo.find_of(aggregate, aggregate_id, types, page)
        return Page([recorded(event) for event in found.content], found.total_elements, found.page, found.size)

    @transactional(read_only=True)
    async def count_between(
        self, since: datetime, until: datetime, types: Collection[str], at_most: int | None = None
    ) -> int:
        """How many events of some types ``between`` has; ``at_most`` spares counting on."""
        return await self._repo.count_between(since, until, types, at_most)

    @transactional(read_only=True)
    async def between(self, after_id: int, since: datetime, until: datetime, limit: int) -> Sequence[RecordedEvent]:
        """Up to ``limit`` events that occurred from ``since`` on and before ``until``, in id order.

        For any number of them in constant memory: begin with ``after_id`` 0, go on with the id of the last one, and
        end with a batch that has fewer than ``limit``. Each batch is a read of its own.
        """
        return [recorded(event) for event in await self._repo.find_between(after_id, since, until, limit)]
