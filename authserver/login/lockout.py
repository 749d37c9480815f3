"""Five failures of one user from one address, and that pair is locked for a minute."""

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
    """Kept in the database, for users that do not exist too: a restart, or asking another process, unlocks nobody."""

    def __init__(self, settings: LoginSettings, attempts: LoginAttemptRepository) -> None:
        self._max_failures = settings.max_failures
        self._period = timedelta(seconds=settings.lock_seconds)
        self._attempts = attempts
        self._sweep_at = 0.0

    @transactional
    async def claim(self, username_folded: str, address: str) -> None:
        """Count this attempt as a failure before the password is looked at: of any number at the same time, no more
        are let through. Raises LoginLockedError."""
        now = utc_now()
        since = now - self._period
        key = (username_folded, address)
        if await self._attempts.count(*key, now=now, since=since, limit=self._max_failures) is None:
            last = await self._attempts.last_failure(*key) or since
            raise LoginLockedError(max(1, math.ceil((last - since).total_seconds())))

    @transactional
    async def forget(self, username_folded: str, address: str) -> None:
        """After a success."""
        await self._attempts.delete(username_folded, address)

    @transactional
    async def sweep(self) -> None:
        """Delete what has no meaning any more; as often as that can be."""
        if time.monotonic() >= self._sweep_at:
            self._sweep_at = time.monotonic() + self._period.total_seconds()
            await self._attempts.delete_until(utc_now() - self._period)
