"""One delivery: what a handler may do, how long it may take, and the record of what became of it."""

import asyncio
import logging
from collections.abc import Awaitable, Callable, Sequence
from typing import TypeVar

from pico_ioc import component

from ..context.request_id import continue_request
from ..errors import DatabaseUnavailableError, DomainError
from ..events.handler import EventHandler
from ..text import error_summary
from .queue import Claim, DeliveryQueue, LostClaimError
from .settings import EventsSettings

logger = logging.getLogger(__name__)

FAILURES = (Exception, SystemExit, asyncio.CancelledError)
"""What a handler may raise without harm to anybody else."""

T = TypeVar("T")


class HandlerTimeoutError(Exception):
    pass


@component
class Courier:
    def __init__(self, queue: DeliveryQueue, settings: EventsSettings) -> None:
        self._queue = queue
        self._settings = settings

    async def deliver(self, handler: EventHandler, claims: Sequence[Claim]) -> None:
        """One claim, or several for a handler that works in the transaction of the record.

        Whatever the handler does is recorded, however long the database takes: what is not, is done again when the
        lease has ended. Raises nothing but the cancellation by its caller.
        """
        continue_request(claims[0].event.request_id if len(claims) == 1 else None)
        try:
            await self._handle(handler, claims)
        except FAILURES as error:
            if is_being_cancelled():
                raise
            if len(claims) == 1:
                await self._fail(claims[0], error)
            else:
                for claim in claims:  # one of them fails; each by itself, the others need not
                    await self.deliver(handler, [claim])
        else:
            if not handler.in_transaction:
                await self._succeed(claims[0])

    async def _handle(self, handler: EventHandler, claims: Sequence[Claim]) -> None:
        in_transaction = handler.in_transaction
        seconds = self._settings.transaction_timeout if in_transaction else self._settings.handler_timeout
        limit = asyncio.timeout(seconds)
        try:
            async with limit:
                if in_transaction:
                    await self._queue.deliver_in_transaction(handler, claims)
                else:
                    await handler.handle(claims[0].event)
        except TimeoutError as error:
            if not limit.expired():
                raise  # the handler's own
            raise HandlerTimeoutError(f"not done after {seconds:g} seconds") from error

    async def _succeed(self, claim: Claim) -> None:
        try:
            await self._record(claim, lambda: self._queue.delivered(claim))
        except LostClaimError as error:
            logger.warning("%s was done with event %s too late: %s", claim.handler, claim.event.id, error)

    async def _fail(self, claim: Claim, error: BaseException) -> None:
        reason = error_summary(error)
        again = await self._record(claim, lambda: self._queue.failed(claim, reason))
        logger.log(
            logging.WARNING if again else logging.ERROR,
            "%s failed on event %s, attempt %s%s: %s",
            claim.handler,
            claim.event.id,
            claim.attempt,
            "" if again else ", the last",
            reason,
            exc_info=None if isinstance(error, EXPECTED) else error,
        )

    async def _record(self, claim: Claim, record: Callable[[], Awaitable[T]]) -> T:
        """A database that is away must not make work be done again."""
        while True:
            try:
                return await record()
            except DatabaseUnavailableError as error:
                logger.warning("%s waits to record event %s: %s", claim.handler, claim.event.id, error)
                await asyncio.sleep(self._settings.poll_interval)


EXPECTED = (DomainError, HandlerTimeoutError, LostClaimError)
"""Failures that need no traceback in the log."""


def is_being_cancelled() -> bool:
    task = asyncio.current_task()
    return task is not None and task.cancelling() > 0
