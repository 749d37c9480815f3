"""Reads the feed."""

from pico_ioc import component
from pico_sqlalchemy import transactional

from ..platform.errors import InvalidCursorError
from .positions import Batch, Position
from .repositories import FeedRepository
from .types import WantedTypes


@component
class FeedReader:
    def __init__(self, repo: FeedRepository) -> None:
        self._repo = repo

    @transactional(read_only=True)
    async def read(self, after: Position, wanted: WantedTypes, limit: int) -> Batch:
        """Return up to ``limit`` of the wanted events behind ``after``, in order.

        Raises InvalidCursorError if there is no event at ``after``: the database was restored, or it is another one.
        """
        batch = await self._repo.read(after, wanted, limit)
        if batch is None:
            raise InvalidCursorError("after")
        return batch

    @transactional(read_only=True)
    async def end(self) -> Position:
        """Return the position of the newest event. What is committed later comes after it."""
        return await self._repo.end()

    @transactional(read_only=True)
    async def is_restored(self) -> bool:
        """Return whether the events are from another server, so that nobody knows their order among new ones."""
        return await self._repo.has_foreign()

    @transactional
    async def forget_transactions(self, limit: int) -> int:
        """Put up to ``limit`` events before all later ones, as ``is_restored`` needs it. Return how many.

        Cursors of these events are no longer valid.
        """
        return await self._repo.forget_transactions(limit)
