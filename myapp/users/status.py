"""The status of callers. Every request needs it, so it is cached for a short time."""

import asyncio
import time
from dataclasses import dataclass

from pico_ioc import component

from ..platform.auth.status import CallerStatus
from ..platform.errors import DatabaseUnavailableError
from .services import UserService
from .settings import UsersSettings

REFRESH_TIMEOUT = 0.5
"""Seconds that a request waits for a new status if it can use a cached one."""


@dataclass(frozen=True, slots=True)
class CachedStatus:
    is_active: bool
    queried_at: float
    """The start of the query, by ``time.monotonic``."""


@component
class UserStatus(CallerStatus):
    """A process queries each subject once in ``users.status_ttl`` seconds; concurrent requests share the query.

    While the database does not answer, the cached status is used for ``users.status_grace`` seconds. A request without
    a cached status gets 503.
    """

    def __init__(self, users: UserService, settings: UsersSettings) -> None:
        self._users = users
        self._ttl = settings.status_ttl
        self._grace = settings.status_grace
        self._size = settings.status_cache_size
        self._cache: dict[str, CachedStatus] = {}
        self._queries: dict[str, asyncio.Task[bool]] = {}

    async def is_active(self, subject: str) -> bool:
        """Raises DatabaseUnavailableError if there is no usable cached status."""
        last = self._cache.get(subject)
        if last is not None and time.monotonic() < last.queried_at + self._ttl:
            return last.is_active
        return await self._refresh(subject, last)

    async def _refresh(self, subject: str, last: CachedStatus | None) -> bool:
        is_usable = last is not None and time.monotonic() < last.queried_at + self._grace
        task = self._queries.get(subject)
        if task is None:
            task = self._queries[subject] = asyncio.create_task(self._query(subject))
            task.add_done_callback(retrieve_error)
        # Not wait_for: a request that stops waiting must not cancel the query for the others.
        await asyncio.wait({task}, timeout=REFRESH_TIMEOUT if is_usable else None)
        if (
            last is not None
            and is_usable
            and (not task.done() or isinstance(task.exception(), DatabaseUnavailableError))
        ):
            return last.is_active
        return task.result()

    async def _query(self, subject: str) -> bool:
        queried_at = time.monotonic()
        try:
            is_active = await self._users.is_active(subject)
        finally:
            del self._queries[subject]
        self._cache.pop(subject, None)
        if len(self._cache) >= self._size:
            del self._cache[next(iter(self._cache))]  # the entry with the oldest query
        self._cache[subject] = CachedStatus(is_active, queried_at)
        return is_active


def retrieve_error(task: asyncio.Task[bool]) -> None:
    """Mark the error of ``task`` as retrieved. If no request waits any more, asyncio would log it with a traceback."""
    if not task.cancelled():
        task.exception()
