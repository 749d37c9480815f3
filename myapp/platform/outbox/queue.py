"""The queue of deliveries: find due ones, claim them, and record results."""

import random
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from pico_ioc import component
from pico_sqlalchemy import transactional

from ..database.types import utc_now
from ..events.event import RecordedEvent
from ..events.handler import EventHandler, Progress
from ..text import replace_unstorable
from .models import MAX_ERROR
from .repositories import DeliveryRepository
from .settings import EventsSettings

Pauses = Sequence[float] | None
"""The pauses of a handler between its attempts, in seconds; None means the settings of ``events``."""

LONGEST_WAIT = 3600.0
"""Seconds after which the relay looks again for a delivery that an earlier event blocks, if the pauses are longer."""


@dataclass(frozen=True, slots=True)
class Claim:
    """The right to deliver ``event`` to ``handler`` until the lease expires. ``attempt`` counts from 1.

    ``pauses`` are those of the handler.
    """

    handler: str
    event: RecordedEvent
    attempt: int
    pauses: Pauses = None


class LostClaimError(Exception):
    """The lease has expired and another process may have claimed the delivery."""


@component
class DeliveryQueue:
    def __init__(self, repo: DeliveryRepository, settings: EventsSettings) -> None:
        self._repo = repo
        self._settings = settings
        self.made_due = 0
        """How many deliveries became due in this process because an earlier event was finished."""

    @transactional(read_only=True)
    async def find_due_handlers(self, handlers: Sequence[str], prefixes: Sequence[str] = ()) -> Sequence[str]:
        """Return the names that have due deliveries, of ``handlers`` and of all that begin with a prefix."""
        return await self._repo.find_due_handlers(handlers, prefixes, utc_now()) if handlers or prefixes else []

    @transactional
    async def claim(self, handler: str, limit: int, pauses: Pauses = None) -> tuple[list[Claim], int]:
        """Claim up to ``limit`` due deliveries for the time of the lease.

        Return the claims and the number of deliveries that were postponed, because an earlier event of their aggregate
        is pending. The claim is committed: no transaction or lock lasts while handlers work.
        """
        now = utc_now()
        until = now + timedelta(seconds=self._settings.lease)
        later = now + timedelta(seconds=min(max(pauses or [self._settings.max_backoff]), LONGEST_WAIT))
        claimed, postponed = await self._repo.claim(handler, limit, now, until, later)
        claims = [Claim(handler, event, attempt, pauses) for event, attempt in claimed]
        max_attempts = self._max_attempts(pauses)
        if spent := [claim for claim in claims if claim.attempt > max_attempts]:
            await self._finish(spent, state="dead", error="the process ended during each attempt")
        return [claim for claim in claims if claim.attempt <= max_attempts], postponed

    @transactional
    async def deliver_in_transaction(self, handler: EventHandler, claims: Sequence[Claim]) -> None:
        """Commit the writes of ``handler`` and the record of the deliveries together. Raises LostClaimError."""
        await handler.handle_all([claim.event for claim in claims])
        await self._set_delivered(claims)

    @transactional
    async def mark_delivered(self, claim: Claim) -> None:
        """Record that ``claim`` was delivered. Raises LostClaimError."""
        await self._set_delivered([claim])

    @transactional
    async def mark_failed(
        self,
        claim: Claim,
        reason: str,
        progress: Progress | None = None,
        *,
        permanent: bool = False,
        retry_after: float = 0.0,
    ) -> bool:
        """Schedule the next attempt, in ``retry_after`` seconds at the earliest, and return True.

        After the last attempt, or if the failure is ``permanent``, make a dead letter and return False. A dead letter
        does not block later events of its aggregate. ``progress`` replaces the stored one, unless it is None.
        """
        values: dict[str, Any] = {"error": replace_unstorable(reason)[:MAX_ERROR]}
        dies = permanent or claim.attempt >= self._max_attempts(claim.pauses)
        if progress is not None:
            # A dead letter forgets the parts that failed for good: if it is redelivered, they are open again.
            values["progress"] = {
                part: failure and replace_unstorable(failure)[:MAX_ERROR]
                for part, failure in progress.items()
                if not (dies and failure)
            }
        if dies:
            await self._finish([claim], state="dead", **values)
            return False
        next_at = utc_now() + max(self._pause_after(claim), timedelta(seconds=retry_after))
        await self._repo.set_claimed(claim.handler, attempts_of([claim]), next_at=next_at, **values)
        return True

    @transactional
    async def delete_delivered(self, limit: int) -> int:
        """Delete up to ``limit`` deliveries that are older than ``events.keep_delivered_days``. Return how many."""
        before = utc_now() - timedelta(days=self._settings.keep_delivered_days)
        return await self._repo.delete_delivered(before, limit)

    async def _set_delivered(self, claims: Sequence[Claim]) -> None:
        if await self._finish(claims, state="delivered", error=None) < len(claims):
            raise LostClaimError("the lease has expired, and another process has the delivery")

    async def _finish(self, claims: Sequence[Claim], **values: Any) -> int:
        """Set ``values`` of claims of one handler and make the events behind them due.

        Return how many claims this process still held.
        """
        now, attempts = utc_now(), attempts_of(claims)
        ended = await self._repo.set_claimed(claims[0].handler, attempts, finished_at=now, **values)
        self.made_due += await self._repo.make_next_due(claims[0].handler, attempts, now)
        return ended

    def _max_attempts(self, pauses: Pauses) -> int:
        return self._settings.max_attempts if pauses is None else len(pauses) + 1

    def _pause_after(self, claim: Claim) -> timedelta:
        """Return the handler's own pause, or one that doubles with each attempt.

        It is up to a tenth longer at random, so that deliveries that failed together are not retried together.
        """
        if claim.pauses is None:
            seconds = min(self._settings.backoff * 2.0 ** (claim.attempt - 1), self._settings.max_backoff)
        else:
            seconds = claim.pauses[claim.attempt - 1]
        return timedelta(seconds=seconds * random.uniform(1.0, 1.1))


def attempts_of(claims: Sequence[Claim]) -> dict[int, int]:
    return {claim.event.id: claim.attempt for claim in claims}
