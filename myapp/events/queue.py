"""The queue of deliveries: what is due, who may deliver it, and what became of it."""

import random
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta

from pico_ioc import component
from pico_sqlalchemy import transactional

from ..database.types import utc_now
from .handlers import EventHandler, RecordedEvent
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
        return await self._repo.find_due(handlers, utc_now()) if handlers else []

    @transactional
    async def claim(self, handler: str, limit: int) -> list[Claim]:
        """What nobody else delivers for the time of the lease. Nothing is held meanwhile: the claim is committed."""
        now = utc_now()
        until = now + timedelta(seconds=self._settings.lease)
        claims = [Claim(handler, *claimed) for claimed in await self._repo.claim(handler, limit, now, until)]
        for claim in claims:
            if claim.attempt > self._settings.max_attempts:
                await self._bury(claim, "the process ended during each attempt")
        return [claim for claim in claims if claim.attempt <= self._settings.max_attempts]

    @transactional
    async def deliver_in_transaction(self, handler: EventHandler, claims: Sequence[Claim]) -> None:
        """What ``handler`` writes is committed with the record of the deliveries. Raises LostClaimError."""
        for claim in claims:
            await self._record_delivered(claim)
            await handler.handle(claim.event)

    @transactional
    async def delivered(self, claim: Claim) -> None:
        """Raises LostClaimError."""
        await self._record_delivered(claim)

    @transactional
    async def failed(self, claim: Claim, reason: str) -> bool:
        """Try again later; or never, if it was the last attempt: the answer then is False. A dead letter does not stop
        its successors."""
        error = reason.replace("\x00", "")[:MAX_ERROR]
        if claim.attempt >= self._settings.max_attempts:
            await self._bury(claim, error)
            return False
        next_at = utc_now() + self._pause_after(claim.attempt)
        await self._repo.finish(claim.handler, claim.event.id, claim.attempt, next_at=next_at, error=error)
        return True

    @transactional
    async def forget_delivered(self, limit: int) -> int:
        """Delete up to ``limit`` records of deliveries made ``events.keep_delivered_days`` ago; their number."""
        before = utc_now() - timedelta(days=self._settings.keep_delivered_days)
        return await self._repo.delete_delivered(before, limit)

    async def _record_delivered(self, claim: Claim) -> None:
        values = {"state": "delivered", "finished_at": utc_now(), "error": None}
        if not await self._repo.finish(claim.handler, claim.event.id, claim.attempt, **values):
            raise LostClaimError(f"{claim.handler} has lost event {claim.event.id}")

    async def _bury(self, claim: Claim, error: str) -> None:
        state = {"state": "dead", "finished_at": utc_now(), "error": error}
        await self._repo.finish(claim.handler, claim.event.id, claim.attempt, **state)

    def _pause_after(self, attempt: int) -> timedelta:
        """Twice as long each time, and up to a tenth longer, so that what failed together is not tried together."""
        seconds = min(self._settings.backoff * 2.0 ** (attempt - 1), self._settings.max_backoff)
        return timedelta(seconds=seconds * random.uniform(1.0, 1.1))
