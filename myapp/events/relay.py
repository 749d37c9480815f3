"""The loop that delivers events and runs the sweeps: in every process, any number of them at once."""

import asyncio
import logging
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager, suppress

from pico_ioc import component

from ..errors import StartupError
from ..text import one_line
from ..web.request_id import continue_request
from .handlers import EventHandler
from .queue import Claim, DeliveryQueue, LostClaimError
from .settings import EventsSettings
from .subscriptions import Subscriptions
from .sweeps import Sweep, SweepTimes

logger = logging.getLogger(__name__)

RECORD_PAUSE = 0.5
"""Seconds between two tries to record a delivery that was made."""


@component
class EventRelay:
    """Each handler's deliveries are made by a task of their own, so that one which fails or hangs stops no other.

    Raises StartupError where a delivery could outlive its lease.
    """

    def __init__(
        self,
        queue: DeliveryQueue,
        handlers: list[EventHandler],
        subscriptions: Subscriptions,
        sweeps: list[Sweep],
        settings: EventsSettings,
    ) -> None:
        if settings.lease <= settings.handler_timeout:
            raise StartupError("events.lease (EVENTS__LEASE): must be longer than events.handler_timeout")
        subscriptions.add(handlers)
        self._queue = queue
        self._handlers = {handler.name: handler for handler in handlers}
        self._sweeps = SweepTimes(sweeps)
        self._settings = settings
        self._working: dict[str, asyncio.Task[int]] = {}

    @asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        """Deliver and sweep meanwhile; at the end, wait for what is being delivered, up to ``events.stop_timeout``."""
        loop = asyncio.create_task(self.run(), name="event relay")
        try:
            yield
        finally:
            loop.cancel()
            with suppress(asyncio.CancelledError):
                await loop
            await self._stop()

    async def run(self) -> None:
        """Until cancelled."""
        while True:
            try:
                for name in await self._queue.due(list(self._handlers)):
                    self._start(name)
                async with asyncio.timeout(self._settings.handler_timeout):
                    await self._sweeps.run_due()
            except Exception as error:
                logger.warning("the relay waits: %s", one_line(error))
            await asyncio.sleep(self._settings.poll_interval)

    async def deliver_due(self) -> int:
        """Deliver what is due now, for scripts and tests; how many deliveries were tried."""
        tasks = [self._start(name) for name in await self._queue.due(list(self._handlers))]
        return sum(await asyncio.gather(*tasks))

    def _start(self, name: str) -> asyncio.Task[int]:
        working = self._working.get(name)
        if working is None or working.done():
            self._working[name] = working = asyncio.create_task(self._work(self._handlers[name]), name=name)
        return working

    async def _stop(self) -> None:
        working = [task for task in self._working.values() if not task.done()]
        if working:
            _, unfinished = await asyncio.wait(working, timeout=self._settings.stop_timeout)
            for task in unfinished:  # another process delivers these when the lease has ended
                task.cancel()
            await asyncio.gather(*unfinished, return_exceptions=True)

    async def _work(self, handler: EventHandler) -> int:
        """Deliver what is due for one handler; the number of deliveries that were tried."""
        tried = 0
        running: set[asyncio.Task[None]] = set()
        try:
            while True:
                batches = await self._claim(handler, self._settings.concurrency - len(running))
                tried += sum(map(len, batches))
                running |= {asyncio.create_task(self._deliver(handler, batch)) for batch in batches}
                if not running:
                    return tried
                _, running = await asyncio.wait(running, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for task in running:
                task.cancel()

    async def _claim(self, handler: EventHandler, free: int) -> list[list[Claim]]:
        """What to deliver now: up to ``free`` events one by one, or many in one transaction."""
        try:
            if handler.in_transaction:
                claims = await self._queue.claim(handler.name, self._settings.batch_size)
                return [claims] if claims else []
            return [[claim] for claim in await self._queue.claim(handler.name, free)]
        except Exception as error:
            logger.warning("deliveries to %s wait: %s", handler.name, one_line(error))
            return []

    async def _deliver(self, handler: EventHandler, claims: Sequence[Claim]) -> None:
        """Never raises: what cannot even be recorded is delivered again when the lease has ended."""
        continue_request(claims[0].event.request_id if len(claims) == 1 else None)
        try:
            async with asyncio.timeout(self._settings.handler_timeout):
                if handler.in_transaction:
                    await self._queue.deliver_in_transaction(handler, claims)
                else:
                    await handler.handle(claims[0].event)
        except Exception as error:
            if len(claims) > 1:  # one of them fails; each by itself, the others need not
                for claim in claims:
                    await self._deliver(handler, [claim])
            else:
                await self._fail(claims[0], error)
        else:
            if not handler.in_transaction:
                await self._record(claims[0])

    async def _fail(self, claim: Claim, error: Exception) -> None:
        timed_out = f"not done after {self._settings.handler_timeout:g} seconds"
        reason = timed_out if isinstance(error, TimeoutError) else one_line(error)
        try:
            what = "fails" if await self._queue.failed(claim, reason) else "fails for the last time"
        except Exception as unrecorded:
            what = f"fails, and that is not recorded ({one_line(unrecorded)}),"
        logger.warning("%s %s on event %s, attempt %s: %s", claim.handler, what, claim.event.id, claim.attempt, reason)

    async def _record(self, claim: Claim) -> None:
        """The work is done: a database that is away for a moment must not make it be done again."""
        tries = int(self._settings.lease - self._settings.handler_timeout) or 1
        for _ in range(tries):
            try:
                await self._queue.delivered(claim)
            except LostClaimError as error:
                logger.warning("delivered late: %s", error)
            except Exception as error:
                logger.warning("the delivery of event %s is not recorded: %s", claim.event.id, one_line(error))
                await asyncio.sleep(RECORD_PAUSE)
                continue
            return
