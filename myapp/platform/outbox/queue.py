"""The queue of deliveries: what is due, who may deliver it, and what became of it."""

import random
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from pico_ioc import component
from pico_sqlalchemy import transactional

from ..database.types import utc_now
from ..events.event import RecordedEvent
from ..events.handler import EventHandler
from ..text import replace_unstorable
from .repositories import DeliveryRepository
from .settings import EventsSettings

MAX_ERROR = 500
"""Characters of a failure's reason that are kept."""


@dataclass(frozen=True, slots=True)
class Claim:
    """The right to deliver ``event`` to ``handler``, until the lease ends; ``attempt`` counts from 1."""

    handler: str
    event: RecordedEvent
    attempt: int


class LostClaimError(Exception):
    """The lease has ended and somebody else has the delivery."""


@component
class DeliveryQueue:
    def __init__(self, repo: DeliveryRepository, settings: EventsSettings) -> None:
        self._repo = repo
        self._settings = settings

    @transactional(read_only=True)
    async def due(self, handlers: Sequence[str]) -> Sequence[str]:
        """Those of ``handlers`` for which something is due."""
        return await self._repo.find_due(handlers, utc_now()) if handlers else []

    @transactional
    async def claim(self, handler: str, limit: int) -> tuple[list[Claim], int]:
        """What nobody else delivers for the time of the lease; and how many deliveries were put off, because an earlier
        event of their aggregate comes first. Nothing is held meanwhile: the claim is committed."""
        now = utc_now()
        until = now + timedelta(seconds=self._settings.lease)
        later = now + timedelta(seconds=self._settings.max_backoff)
        found, put_off = await self._repo.claim(handler, limit, now, until, later)
        claims = [Claim(handler, event, attempt) for event, attempt in found]
        if spent := [claim for claim in claims if claim.attempt > self._settings.max_attempts]:
            await self._finish(spent, state="dead", error="the process ended during each attempt")
        return [claim for claim in claims if claim.attempt <= self._settings.max_attempts], put_off

    @transactional
    async def deliver_in_transaction(self, handler: EventHandler, claims: Sequence[Claim]) -> None:
        """What ``handler`` writes is committed with the record of the deliveries. Raises LostClaimError."""
        await handler.handle_all([claim.event for claim in claims])
        await self._deliver(claims)

    @transactional
    async def delivered(self, claim: Claim) -> None:
        """Raises LostClaimError."""
        await self._deliver([claim])

    @transactional
    async def failed(self, claim: Claim, reason: str) -> bool:
        """Try again later; or never, if it was the last attempt: the answer then is False. A dead letter does not stop
        its successors."""
        error = replace_unstorable(reason)[:MAX_ERROR]
        if claim.attempt >= self._settings.max_attempts:
            await self._finish([claim], state="dead", error=error)
            return False
        next_at = utc_now() + self._pause_after(claim.attempt)
        await self._repo.set_claimed(claim.handler, attempts_of([claim]), next_at=next_at, error=error)
        return True

    @transactional
    async def forget_delivered(self, limit: int) -> int:
        """Delete up to ``limit`` records of deliveries made ``events.keep_delivered_days`` ago; their number."""
        before = utc_now() - timedelta(days=self._settings.keep_delivered_days)
        return await self._repo.delete_delivered(before, limit)

    async def _deliver(self, claims: Sequence[Claim]) -> None:
        if await self._finish(claims, state="delivered", error=None) < len(claims):
            raise LostClaimError("the lease has ended, and another process has the delivery")

    async def _finish(self, claims: Sequence[Claim], **values: Any) -> int:
        """The end of deliveries of one handler, which those wait for that come next; how many were still ours."""
        now, attempts = utc_now(), attempts_of(claims)
        ended = await self._repo.set_claimed(claims[0].handler, attempts, finished_at=now, **values)
        await self._repo.wake(claims[0].handler, attempts, now)
        return ended

    def _pause_after(self, attempt: int) -> timedelta:
        """Twice as long each time, and up to a tenth longer, so that what failed together is not tried together."""
        seconds = min(self._settings.backoff * 2.0 ** (attempt - 1), self._settings.max_backoff)
        return timedelta(seconds=seconds * random.uniform(1.0, 1.1))


def attempts_of(claims: Sequence[Claim]) -> dict[int, int]:
    return {claim.event.id: claim.attempt for claim in claims}
