"""The feed of events, for readers that wait."""

import asyncio

from pico_ioc import component

from ..platform.stopping import Stopping
from .positions import Batch, Position
from .reader import FeedReader
from .types import ALL_TYPES, WantedTypes
from .watcher import FeedWatcher

SEARCH_TIME = 1.0
"""Seconds that a request which does not wait may search for wanted events among others."""


@component
class FeedService:
    """The feed of events: along a chain of positions, each committed event comes exactly once.

    No connection is held while a caller waits.
    """

    def __init__(self, reader: FeedReader, watcher: FeedWatcher, stopping: Stopping) -> None:
        self._reader = reader
        self._watcher = watcher
        self._stopping = stopping

    async def end(self) -> Position:
        return await self._reader.end()

    async def next_batch(
        self, after: Position, wanted: WantedTypes = ALL_TYPES, limit: int = 100, seconds: float = 0
    ) -> Batch:
        """Return up to ``limit`` of the wanted events behind ``after``, in order.

        If there are none, wait up to ``seconds`` for them, or until the process is asked to stop. Then the batch is
        empty, and it ends where the next one begins. Raises InvalidCursorError if there is no event at ``after``.
        """
        clock = asyncio.get_running_loop().time
        begin = clock()
        batch = Batch([], after, has_more=True)
        while not batch.events:
            elapsed = clock() - begin
            # Who does not wait gets what is there now, not what the watcher has seen some moments ago.
            if not batch.has_more or (seconds and self._watcher.is_at(batch.end)):
                if elapsed >= seconds or self._stopping.has_begun:
                    break
                batch = await self._watcher.wait(batch.end, wanted, limit, seconds - elapsed)
            elif batch.end != after and elapsed > max(seconds, SEARCH_TIME):
                break
            else:
                batch = await self._reader.read(batch.end, wanted, limit)
        return batch
