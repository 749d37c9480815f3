"""Make one delivery: run the handler within its time limit and record the result."""

import asyncio
import logging
from collections.abc import Awaitable, Callable, Sequence
from typing import TypeVar

from pico_ioc import component

from ..context.request_id import set_request_id
from ..errors import DatabaseUnavailableError, DomainError
from ..events.handler import EventHandler, HandlerError, PermanentFailureError
from ..text import error_summary
from .queue import Claim, DeliveryQueue, LostClaimError
from .settings import EventsSettings

logger = logging.getLogger(__name__)

FAILURES = (Exception, SystemExit, asyncio.CancelledError)
"""Exceptions of a handler that count as a failed delivery and do not end the relay."""

T = TypeVar("T")


class HandlerTimeoutError(Exception):
    """A handler exceeded its time limit."""


@component
class Courier:
    def __init__(self, queue: DeliveryQueue, settings: EventsSettings) -> None:
        self._queue = queue
        self._settings = settings

    async def deliver(self, handler: EventHandler, claims: Sequence[Claim]) -> bool:
        """Deliver one claim, or several for a handler with ``in_transaction``. Return whether none failed.

        The result is recorded however long the database is unavailable: a delivery without a record is made again when
        its lease has expired. Raises only CancelledError, if the caller cancels this task.
        """
        set_request_id(claims[0].event.request_id if len(claims) == 1 else None)
        try:
            await self._handle(handler, claims)
        except FAILURES as error:
            if is_being_cancelled():
                raise
            failure = error
        else:
            if not handler.in_transaction:
                await self._succeed(claims[0])
            return True
        if len(claims) > 1:
            return await self._deliver_each(handler, claims, failure)
        await self._fail(claims[0], failure)
        return False

    async def _deliver_each(self, handler: EventHandler, claims: Sequence[Claim], error: BaseException) -> bool:
        """Deliver each event of a failed batch alone, so that only the event that is the cause fails.

        That event's own failure is logged with its traceback. If all succeed, the log has the traceback of the batch.
        """
        results = [await self.deliver(handler, [claim]) for claim in claims]
        set_request_id(None)
        logger.warning(
            "%s failed on %s events at once, %s of them failed alone: %s",
            handler.name,
            len(claims),
            results.count(False),
            error_summary(error),
            exc_info=error if all(results) and not isinstance(error, EXPECTED_FAILURES) else None,
        )
        return all(results)

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
                raise  # the handler raised it, not our time limit
            raise HandlerTimeoutError(f"not done after {seconds:g} seconds") from error

    async def _succeed(self, claim: Claim) -> None:
        try:
            await self._record(claim, lambda: self._queue.mark_delivered(claim))
        except LostClaimError as error:
            logger.warning("%s finished event %s too late: %s", claim.handler, claim.event.id, error)

    async def _fail(self, claim: Claim, error: BaseException) -> None:
        reason = error_summary(error)
        progress, retry_after = (error.progress, error.retry_after) if isinstance(error, HandlerError) else (None, 0.0)
        permanent = isinstance(error, PermanentFailureError)
        will_retry = await self._record(
            claim,
            lambda: self._queue.mark_failed(claim, reason, progress, permanent=permanent, retry_after=retry_after),
        )
        logger.log(
            logging.WARNING if will_retry else logging.ERROR,
            "%s failed on event %s, attempt %s%s: %s",
            claim.handler,
            claim.event.id,
            claim.attempt,
            "" if will_retry else ", the last",
            reason,
            exc_info=None if isinstance(error, EXPECTED_FAILURES) else error,
        )

    async def _record(self, claim: Claim, record: Callable[[], Awaitable[T]]) -> T:
        """Repeat ``record`` until the database is available: without a record, the handler would do its work again."""
        while True:
            try:
                return await record()
            except DatabaseUnavailableError as error:
                logger.warning("cannot record event %s for %s yet: %s", claim.event.id, claim.handler, error)
                await asyncio.sleep(self._settings.poll_interval)


EXPECTED_FAILURES = (DomainError, HandlerError, HandlerTimeoutError, LostClaimError)
"""Failures that are logged without a traceback."""


def is_being_cancelled() -> bool:
    task = asyncio.current_task()
    return task is not None and task.cancelling() > 0
