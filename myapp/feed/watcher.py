"""Wait for new events. All that wait in a process share one look at the database."""

import asyncio
import logging
from contextlib import suppress
from contextvars import Context

from pico_ioc import cleanup, component

from ..platform.errors import FeedUnavailableError, InvalidCursorError
from ..platform.events.commits import CommitSignal
from ..platform.outbox.settings import EventsSettings
from ..platform.stopping import Stopping
from ..platform.text import error_summary
from .positions import START, Batch, Position
from .reader import FeedReader
from .types import ALL_TYPES, WantedTypes

logger = logging.getLogger(__name__)

BATCH_SIZE = 200
PAUSE = 0.02
"""Seconds between two looks while one event follows another."""
LINGER = 5.0
"""Seconds to look on when nobody waits. Readers that got events come back, and need no statement of their own then."""
SECOND_LOOK = 0.05
"""Seconds after which to look again for an event that this process has committed, if older transactions hide it. The
pause doubles then, up to the usual one."""


@component
class FeedWatcher:
    """Looks for new events while somebody waits: at once if this process writes one, else every
    ``events.poll_interval`` seconds.
    """

    def __init__(self, reader: FeedReader, commits: CommitSignal, settings: EventsSettings, stopping: Stopping) -> None:
        self._reader = reader
        self._commits = commits
        self._interval = settings.poll_interval
        self._stopping = stopping
        self._position: Position | None = None
        """How far this watcher has read; None while nobody waits."""
        self.waiting = 0
        """How many readers wait."""
        self._left_at = 0.0
        """When the last one has left, by the clock of the event loop."""
        self._arrival: asyncio.Future[Batch] | None = None
        """The next batch. It ends the wait of all that wait."""
        self._woken = asyncio.Event()
        self._task: asyncio.Task[None] | None = None
        stopping.listen(self._wake_all)

    def is_at(self, position: Position) -> bool:
        """Return whether all events up to ``position`` were read, and none behind it has arrived since."""
        return self._position == position

    async def wait(self, position: Position, wanted: WantedTypes, limit: int, seconds: float) -> Batch:
        """Wait up to ``seconds`` for events behind ``position``, which is the end of what the caller has read.

        Return the wanted ones. The batch may be empty: after the time, if others were not wanted, or if the process is
        asked to stop. If it has more, the caller has to read from its end.
        """
        if self._task is None:
            self._begin(position)
        if self._position is not None and position < self._position:
            return Batch([], position, has_more=True)
        assert self._arrival is not None
        self.waiting += 1
        try:
            async with asyncio.timeout(seconds):
                arrived = await asyncio.shield(self._arrival)
        except TimeoutError:
            return Batch([], position)
        finally:
            self.waiting -= 1
            self._left_at = asyncio.get_running_loop().time()
        return arrived.part(position, wanted, limit)

    @cleanup
    async def end(self) -> None:
        """Stop looking before the connections are closed."""
        if self._task is not None:
            self._task.cancel()
            await asyncio.wait([self._task])

    def _begin(self, position: Position) -> None:
        loop = asyncio.get_running_loop()
        self._position = position
        self._arrival = loop.create_future()
        self._woken = asyncio.Event()
        # A new context: the task must not inherit the caller's request.
        self._task = loop.create_task(self._watch(loop), context=Context())

    async def _watch(self, loop: asyncio.AbstractEventLoop) -> None:
        def wake() -> None:
            loop.call_soon_threadsafe(self._woken.set)

        self._commits.listen(wake)
        pause = self._interval
        try:
            while True:
                if self._woken.is_set():
                    pause = SECOND_LOOK
                    self._woken.clear()
                has_found = await self._look()
                if self._stopping.has_begun or not (self.waiting or loop.time() < self._left_at + LINGER):
                    break
                await asyncio.sleep(PAUSE)
                if not has_found:
                    with suppress(TimeoutError):
                        await asyncio.wait_for(self._woken.wait(), pause)
                    pause = min(pause * 2, self._interval)
        except (FeedUnavailableError, InvalidCursorError):
            pass  # each reader learns it when it reads
        finally:
            self._commits.ignore(wake)
            self._task = self._position = None
            self._deliver(Batch([], START, has_more=True))

    async def _look(self) -> bool:
        """Read the next events and give them to all that wait. Return whether there were any.

        Raises FeedUnavailableError and InvalidCursorError: the database is no longer the same.
        """
        assert self._position is not None
        try:
            batch = await self._reader.read(self._position, ALL_TYPES, BATCH_SIZE)
        except (FeedUnavailableError, InvalidCursorError):
            raise
        except Exception as error:
            logger.warning("cannot look for new events: %s", error_summary(error))
            return False
        if not batch.events:
            return False
        self._position = batch.end
        self._deliver(batch)
        return True

    def _deliver(self, batch: Batch) -> None:
        arrival, self._arrival = self._arrival, asyncio.get_running_loop().create_future()
        if arrival is not None and not arrival.done():
            arrival.set_result(batch)

    def _wake_all(self) -> None:
        if self._task is not None and self._position is not None:
            self._deliver(Batch([], self._position))
