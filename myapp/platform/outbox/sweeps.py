"""Work that time makes due: what has expired, what a crash has left behind."""

import asyncio
import logging
from abc import ABC, abstractmethod
from contextlib import suppress
from typing import ClassVar

from pico_ioc import component

from ..text import error_summary
from .queue import DeliveryQueue

logger = logging.getLogger(__name__)


class Sweep(ABC):
    """A component that every relay runs every ``interval`` seconds, each sweep by itself: it must be right when several
    run it at once, and when it is ended in the middle."""

    interval: ClassVar[float]

    @abstractmethod
    async def sweep(self) -> None: ...


async def repeat(sweep: Sweep, limit: float, end: asyncio.Event) -> None:
    """Run ``sweep`` now and every ``interval``, for ``limit`` seconds at most each time, until ``end``."""
    while not end.is_set():
        try:
            async with asyncio.timeout(limit):
                await sweep.sweep()
        except Exception as error:
            logger.warning("%s failed: %s", type(sweep).__name__, error_summary(error))
        with suppress(TimeoutError):
            await asyncio.wait_for(end.wait(), sweep.interval)


@component
class DeliveredSweep(Sweep):
    """Forgets deliveries that were made long ago; the events stay."""

    interval = 600.0
    batch_size: ClassVar[int] = 1000  # of one transaction: on SQLite nobody else writes meanwhile

    def __init__(self, queue: DeliveryQueue) -> None:
        self._queue = queue

    async def sweep(self) -> None:
        while await self._queue.forget_delivered(self.batch_size) == self.batch_size:
            pass
