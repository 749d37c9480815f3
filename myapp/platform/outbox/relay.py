"""The loop that delivers events. It may run in any number of processes at once."""

import asyncio
import logging
import signal
from collections import defaultdict
from collections.abc import AsyncIterator, Collection
from contextlib import asynccontextmanager, suppress
from contextvars import Context
from enum import IntEnum
from typing import Any

from pico_ioc import component

from ..errors import StartupError
from ..events.handler import EventHandler, HandlerSource
from ..text import error_summary
from .courier import Courier
from .queue import DeliveryQueue
from .settings import EventsSettings
from .subscriptions import Subscriptions
from .sweeps import Sweep, repeat

logger = logging.getLogger(__name__)


class Found(IntEnum):
    """What a look for due deliveries has found, for the handler with the most of them."""

    NOTHING = 0
    ONE = 1
    SEVERAL = 2
    """All that was due, and more than one."""
    MORE = 3
    """As many as can be delivered now, or some that wait for an earlier event: more may be due."""


GATHERING = 0.1
"""Seconds until the next look after one that found several events, but not as many as it could deliver.

A look costs as much as the delivery of ten events. Without this pause, a relay beside a busy API would look for each
few events that arrive while it delivers the last ones.
"""

CANCEL_TIMEOUT = 1.0
"""Seconds to wait for cancelled tasks. A task that ignores its cancellation must not keep the process running."""


@component
class EventRelay:
    """Delivers events to handlers and runs the sweeps.

    Each handler has its own limit of concurrent deliveries, so a handler that fails or hangs does not block another.
    Raises StartupError if a delivery could last longer than its lease.
    """

    def __init__(
        self,
        queue: DeliveryQueue,
        courier: Courier,
        handlers: list[EventHandler],
        sources: list[HandlerSource],
        subscriptions: Subscriptions,
        sweeps: list[Sweep],
        settings: EventsSettings,
    ) -> None:
        if settings.lease <= max(settings.handler_timeout, settings.transaction_timeout):
            raise StartupError(
                "events.lease (EVENTS__LEASE): must be longer than handler_timeout and transaction_timeout"
            )
        subscriptions.add(handlers)
        self._queue = queue
        self._courier = courier
        self._handlers = {handler.name: handler for handler in handlers}
        self._sources = {source.prefix: source for source in sources}
        self._sweeps = sweeps
        self._settings = settings
        self._delivering: defaultdict[str, set[asyncio.Task[bool]]] = defaultdict(set)
        self._end = asyncio.Event()
        self._freed = asyncio.Event()
        self._followed = asyncio.Event()
        self._made_due = 0
        self._attempted = 0

    @asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        """Deliver and sweep during the block. At its end, wait up to ``events.stop_timeout`` for running deliveries."""
        self._end, self._freed, self._followed = asyncio.Event(), asyncio.Event(), asyncio.Event()
        limit = self._settings.handler_timeout
        # New contexts: these tasks must not inherit the caller's request or transaction.
        relaying = asyncio.create_task(self._run(), context=Context())
        sweeping = [asyncio.create_task(repeat(sweep, limit, self._end), context=Context()) for sweep in self._sweeps]
        try:
            yield
        finally:
            self._end.set()
            self._freed.set()
            self._followed.set()
            await asyncio.wait([relaying])  # no timeout: at most it is claiming, and the database has time limits
            await wait_for_end([*sweeping, *self._deliveries()], self._settings.stop_timeout)
            unfinished = [task for task in (*sweeping, *self._deliveries()) if not task.done()]
            for task in unfinished:  # another process makes these deliveries when their lease has expired
                task.cancel()
            await wait_for_end(unfinished, CANCEL_TIMEOUT)
            self._end.clear()

    async def run_until_signal(self) -> None:
        """Deliver and sweep until SIGTERM or Ctrl-C, then finish running deliveries."""
        asked_to_stop = asyncio.Event()
        for number in (signal.SIGTERM, signal.SIGINT):
            asyncio.get_running_loop().add_signal_handler(number, asked_to_stop.set)
        async with self.running():
            logger.info("the relay runs")
            await asked_to_stop.wait()
        logger.info("the relay has ended")

    async def deliver_due(self) -> int:
        """Deliver until nothing is due and return the number of attempts. This is for scripts and tests."""
        return await asyncio.create_task(self._deliver_due(), context=Context())

    async def _deliver_due(self) -> int:
        before = self._attempted
        was_idle = not self._deliveries()
        # A delivery that ended during the look may have made another one due, so the last look begins without any.
        while await self._start_due() or self._deliveries() or not was_idle:
            if deliveries := self._deliveries():
                await asyncio.wait(deliveries, return_when=asyncio.FIRST_COMPLETED)
            was_idle = not self._deliveries()
        return self._attempted - before

    async def _run(self) -> None:
        while not self._end.is_set():
            self._freed.clear()
            self._followed.clear()
            self._made_due = self._queue.made_due
            try:
                found = await self._start_due()
            except Exception as error:
                logger.warning("the relay cannot claim deliveries: %s", error_summary(error))
                found = Found.NOTHING
            if found is not Found.MORE:
                await wait_for(self._freed, self._settings.poll_interval)
            if found is Found.SEVERAL:
                await wait_for(self._followed, GATHERING)

    async def _start_due(self) -> Found:
        """Start due deliveries, within the limit of each handler."""
        found = Found.NOTHING
        for handler in await self._find_due():
            try:
                found = max(found, await self._start(handler))
            except Exception as error:
                logger.warning("cannot claim deliveries for %s: %s", handler.name, error_summary(error))
        return found

    async def _find_due(self) -> list[EventHandler]:
        """Return the handlers with due deliveries, those of the sources last."""
        with_slots = [name for name, handler in self._handlers.items() if self._free_slots(handler)]
        names = await self._queue.find_due_handlers(with_slots, () if self._end.is_set() else list(self._sources))
        due = [self._handlers[name] for name in names if name in self._handlers]
        for prefix, source in self._sources.items():
            if others := [name for name in names if name.startswith(prefix) and name not in self._handlers]:
                due += await source.find(others)
        return due

    async def _start(self, handler: EventHandler) -> Found:
        name = handler.name
        if not (slots := self._free_slots(handler)):
            return Found.NOTHING
        claims, postponed = await self._queue.claim(name, slots, handler.pauses)
        self._attempted += len(claims)
        for batch in [claims] if handler.in_transaction and claims else [[claim] for claim in claims]:
            delivery = asyncio.create_task(self._courier.deliver(handler, batch), name=name)
            self._delivering[name].add(delivery)
            delivery.add_done_callback(self._on_delivery_end)
        if postponed or len(claims) == slots:
            return Found.MORE
        return Found(min(len(claims), 2))

    def _free_slots(self, handler: EventHandler) -> int:
        """Return how many events may be claimed now."""
        if self._end.is_set():
            return 0
        delivering = len(self._delivering.get(handler.name, ()))
        if handler.in_transaction:
            return 0 if delivering else self._settings.batch_size
        return self._settings.concurrency - delivering

    def _deliveries(self) -> list[asyncio.Task[bool]]:
        return [delivery for deliveries in self._delivering.values() for delivery in deliveries]

    def _on_delivery_end(self, delivery: asyncio.Task[bool]) -> None:
        name = delivery.get_name()
        self._delivering[name].discard(delivery)
        if not self._delivering[name]:
            del self._delivering[name]  # the handlers of a source come and go
        self._freed.set()
        if self._queue.made_due != self._made_due:
            self._followed.set()
        if not delivery.cancelled() and (error := delivery.exception()):
            logger.error("a delivery to %s ended without a record", name, exc_info=error)


async def wait_for(event: asyncio.Event, seconds: float) -> None:
    """Wait for ``event``, no longer than ``seconds``."""
    with suppress(TimeoutError):
        await asyncio.wait_for(event.wait(), seconds)


async def wait_for_end(tasks: Collection[asyncio.Task[Any]], seconds: float) -> None:
    """Wait for ``tasks``, no longer than ``seconds``."""
    if tasks:
        await asyncio.wait(tasks, timeout=seconds)
