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
