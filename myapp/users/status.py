"""Whether a caller may still call: asked for every request, so an answer of the database counts for a moment."""

import asyncio
import time
from dataclasses import dataclass

from pico_ioc import component

from ..platform.auth.status import CallerStatus
from ..platform.errors import DatabaseUnavailableError
from .services import UserService
from .settings import UsersSettings

PATIENCE = 0.5
"""Seconds that a request waits for a new answer where there is an old one."""


@dataclass(frozen=True, slots=True)
class Answer:
    active: bool
    asked_at: float
    """When the question was put, on the clock of ``time.monotonic``."""


@component
class UserStatus(CallerStatus):
    """Each process asks once in ``users.status_ttl`` seconds for each subject, however many requests wait for it.

    While the database does not answer, its last answer counts for ``users.status_grace`` seconds; without one the
    request gets 503.
    """

    def __init__(self, users: UserService, settings: UsersSettings) -> None:
        self._users = users
        self._ttl = settings.status_ttl
        self._grace = settings.status_grace
        self._size = settings.status_cache_size
        self._answers: dict[str, Answer] = {}
        self._asking: dict[str, asyncio.Task[bool]] = {}

    async def is_active(self, subject: str) -> bool:
        """Raises DatabaseUnavailableError."""
        last = self._answers.get(subject)
        if last is not None and time.monotonic() < last.asked_at + self._ttl:
            return last.active
        return await self._ask_again(subject, last)

    async def _ask_again(self, subject: str, last: Answer | None) -> bool:
        usable = last is not None and time.monotonic() < last.asked_at + self._grace
        task = self._asking.get(subject)
        if task is None:
            task = self._asking[subject] = asyncio.create_task(self._ask(subject))
            task.add_done_callback(retrieve)
        # Not wait_for: nobody who stops waiting ends the question for the others.
        await asyncio.wait({task}, timeout=PATIENCE if usable else None)
        if last is not None and usable and (not task.done() or isinstance(task.exception(), DatabaseUnavailableError)):
            return last.active
        return task.result()

    async def _ask(self, subject: str) -> bool:
        asked_at = time.monotonic()
        try:
            active = await self._users.is_active(subject)
        finally:
            del self._asking[subject]
        self._answers.pop(subject, None)
        if len(self._answers) >= self._size:
            del self._answers[next(iter(self._answers))]  # the one that was asked for first
        self._answers[subject] = Answer(active, asked_at)
        return active


def retrieve(task: asyncio.Task[bool]) -> None:
    """Where nobody waits any more, asyncio would print the error with its traceback."""
    if not task.cancelled():
        task.exception()
