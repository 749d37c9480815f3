"""Check passwords in threads: a few at once. A limited number of logins waits, for a limited time."""

import asyncio
from collections import Counter
from collections.abc import AsyncIterator, Hashable
from contextlib import AsyncExitStack, asynccontextmanager
from weakref import WeakValueDictionary

from pico_ioc import component

from ..users.passwords import Passwords
from .errors import LoginBusyError
from .settings import LoginSettings


@component
class PasswordChecks:
    """Hashing with argon2 is slow and needs much memory, so only a few checks run at once."""

    def __init__(self, settings: LoginSettings, passwords: Passwords) -> None:
        self._settings = settings
        self._passwords = passwords
        self._dummy_hash = passwords.dummy_hash  # computed now, so that the first unknown user takes no longer
        self._waiting: Counter[str] = Counter()
        self._at_once = asyncio.Semaphore(settings.parallel_checks)
        self._turns: WeakValueDictionary[Hashable, asyncio.Lock] = WeakValueDictionary()

    @asynccontextmanager
    async def turn(self, key: Hashable, address: str) -> AsyncIterator[None]:
        """Wait for the turn of ``key``: one login at a time, so that concurrent logins with the right password do not
        count as failures of each other.

        Raises LoginBusyError if too many logins wait already, in all or from ``address``, or if the wait takes longer
        than ``login.max_wait``.
        """
        waiting = self._waiting
        if waiting.total() >= self._settings.max_waiting or waiting[address] >= self._settings.max_waiting_per_address:
            raise LoginBusyError
        waiting[address] += 1
        try:
            async with AsyncExitStack() as turn:
                try:
                    async with asyncio.timeout(self._settings.max_wait):
                        await turn.enter_async_context(self._turns.setdefault(key, asyncio.Lock()))
                        await turn.enter_async_context(self._at_once)
                except TimeoutError:
                    raise LoginBusyError from None
                yield
        finally:
            waiting[address] -= 1
            if not waiting[address]:
                del waiting[address]

    async def check(self, password: str, password_hash: str | None) -> tuple[bool, str | None]:
        """Verify the password like ``Passwords.verify``. Without a hash, take the same time and return False."""
        known = password_hash or self._dummy_hash
        is_right, new_hash = await asyncio.to_thread(self._passwords.verify, password, known)
        return is_right and password_hash is not None, new_hash
