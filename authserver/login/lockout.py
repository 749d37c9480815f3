"""Lock a pair of user and address for a minute after five failures."""

import math
import time
from datetime import timedelta

from pico_ioc import component
from pico_sqlalchemy import transactional

from myapp.platform.database.types import utc_now

from .errors import LoginLockedError
from .repositories import LoginAttemptRepository
from .settings import LoginSettings


@component
class Lockout:
    """Failures are in the database, so a restart or another process does not unlock anybody. Unknown users are counted
    too."""

    def __init__(self, settings: LoginSettings, attempts: LoginAttemptRepository) -> None:
        self._max_failures = settings.max_failures
        self._period = timedelta(seconds=settings.lock_seconds)
        self._attempts = attempts
        self._sweep_at = 0.0

    @transactional
    async def claim(self, username_folded: str, address: str) -> None:
        """Count the attempt as a failure before the password is checked, so that concurrent attempts cannot exceed the
        limit. Raises LoginLockedError."""
        now = utc_now()
        since = now - self._period
        key = (username_folded, address)
        if await self._attempts.add_failure(*key, now=now, since=since, limit=self._max_failures) is None:
            last = await self._attempts.last_failure(*key) or since
            raise LoginLockedError(max(1, math.ceil((last - since).total_seconds())))

    @transactional
    async def forget(self, username_folded: str, address: str) -> None:
        """Delete the failures of a pair after a successful login."""
        await self._attempts.delete(username_folded, address)

    @transactional
    async def sweep(self) -> None:
        """Delete expired failures, at most once in ``login.lock_seconds``."""
        if time.monotonic() >= self._sweep_at:
            self._sweep_at = time.monotonic() + self._period.total_seconds()
            await self._attempts.delete_until(utc_now() - self._period)
