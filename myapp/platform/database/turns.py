"""A lock that transactions of one process get in the order in which they ask for it."""

import asyncio
import threading
import time
from collections import deque
from contextlib import suppress
from types import TracebackType

from ..errors import DatabaseUnavailableError

MAX_WAIT = 10
"""A wait that goes on can last this many times as long as one that does not."""


class Waiter:
    """One transaction that waits. Its event loop wakes it when it has got the lock."""

    __slots__ = ("granted", "loop", "woken")

    def __init__(self) -> None:
        self.loop = asyncio.get_running_loop()
        self.woken = asyncio.Event()
        self.granted = False


class Turns:
    """Lets one transaction at a time go on: ``async with turns: ...``. Threads and event loops may share it.

    Raises DatabaseUnavailableError if no transaction has ended well for ``patience`` seconds of the wait. While the
    others end well, a transaction waits on, up to ``MAX_WAIT`` times as long.
    """

    def __init__(self, patience: float) -> None:
        self._patience = patience
        self._mutex = threading.Lock()  # held for moments only
        self._taken = False
        self._waiting: deque[Waiter] = deque()
        self._last_success = 0.0

    async def __aenter__(self) -> None:
        with self._mutex:
            if not self._taken:
                self._taken = True
                return
            waiter = Waiter()
            self._waiting.append(waiter)
        try:
            await self._wait(waiter)
        except BaseException:
            with self._mutex:
                if waiter.granted:
                    self._pass_on()
                elif waiter in self._waiting:
                    self._waiting.remove(waiter)
            raise

    async def __aexit__(
        self, _kind: type[BaseException] | None, error: BaseException | None, _traceback: TracebackType | None
    ) -> None:
        with self._mutex:
            if not isinstance(error, DatabaseUnavailableError):
                self._last_success = time.monotonic()
            self._pass_on()

    async def _wait(self, waiter: Waiter) -> None:
        begin = now = time.monotonic()
        while not waiter.woken.is_set():
            deadline = min(max(begin, self._last_success) + self._patience, begin + MAX_WAIT * self._patience)
            if deadline <= now:
                raise DatabaseUnavailableError
            with suppress(TimeoutError):
                async with asyncio.timeout(deadline - now):
                    await waiter.woken.wait()
            now = time.monotonic()

    def _pass_on(self) -> None:
        """Give the lock to the first one that waits. The caller holds the mutex."""
        while self._waiting:
            waiter = self._waiting.popleft()
            try:
                waiter.loop.call_soon_threadsafe(waiter.woken.set)
            except RuntimeError:  # the event loop was closed while this one waited
                continue
            waiter.granted = True
            return
        self._taken = False
