"""Make a change and store its answer in one transaction, once for each key."""

from collections.abc import Awaitable, Callable
from dataclasses import asdict, dataclass
from datetime import timedelta
from typing import TypeVar

from pico_ioc import component
from pico_sqlalchemy import transactional

from ..database.types import utc_now
from ..errors import IdempotencyKeyReusedError
from .repositories import IdempotencyKeyRepository
from .settings import IdempotencySettings

ResultT = TypeVar("ResultT")


@dataclass(frozen=True, slots=True)
class Claim:
    """The right to make one request. ``digest`` stands for the caller and the key, ``fingerprint`` for the request."""

    digest: bytes
    fingerprint: bytes


@dataclass(frozen=True, slots=True)
class Answer:
    """A stored answer. ``body`` is None if it was too large to be stored."""

    status: int
    headers: dict[str, str]
    body: bytes | None

    @property
    def is_success(self) -> bool:
        return 200 <= self.status < 300


@component
class IdempotencyService:
    def __init__(self, repo: IdempotencyKeyRepository, settings: IdempotencySettings) -> None:
        self._repo = repo
        self._keep = timedelta(days=settings.keep_days)

    @transactional
    async def once(
        self,
        claim: Claim,
        seconds: float,
        call: Callable[[], Awaitable[ResultT]],
        answer_of: Callable[[ResultT], Answer],
    ) -> ResultT | Answer:
        """Return the result of ``call``, or the answer that was stored for it earlier.

        Claim, changes of ``call`` and answer are one transaction: the services that it calls join it. If ``call``
        raises, or if its answer is no success, the key is free again.

        Waits up to ``seconds`` for another transaction that has the claim. Raises IdempotencyInProgressError if that
        is too short, and IdempotencyKeyReusedError if the key was used for another request.
        """
        while not await self._repo.claim(claim.digest, claim.fingerprint, utc_now(), seconds):
            if found := await self._repo.find(claim.digest):  # else it has just expired
                if found.fingerprint != claim.fingerprint:
                    raise IdempotencyKeyReusedError
                return Answer(found.status, found.headers, found.body)
        result = await call()
        answer = answer_of(result)
        if answer.is_success:
            await self._repo.store(claim.digest, asdict(answer))
        else:
            await self._repo.release(claim.digest)
        return result

    @transactional
    async def delete_expired(self, limit: int) -> int:
        """Delete up to ``limit`` keys that are older than ``idempotency.keep_days``. Return how many."""
        return await self._repo.delete_older(utc_now() - self._keep, limit)
