"""Periodic work: clean up expired rows and the remains of crashes."""

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
    """A component that every relay runs every ``interval`` seconds, independently of other sweeps.

    It must be correct when several processes run it at once, and when it is cancelled at any point.
    """

    interval: ClassVar[float]

    @abstractmethod
    async def sweep(self) -> None: ...


async def repeat(sweep: Sweep, time_limit: float, end: asyncio.Event) -> None:
    """Run ``sweep`` now and every ``interval`` until ``end``. Each run takes at most ``time_limit`` seconds."""
    while not end.is_set():
        try:
            async with asyncio.timeout(time_limit):
                await sweep.sweep()
        except Exception as error:
            logger.warning("%s failed: %s", type(sweep).__name__, error_summary(error))
        with suppress(TimeoutError):
            await asyncio.wait_for(end.wait(), sweep.interval)


@component
class DeliveredSweep(Sweep):
    """Deletes deliveries that were made ``events.keep_delivered_days`` ago. The events stay."""

    interval = 600.0
    batch_size: ClassVar[int] = 1000  # per transaction: on SQLite it blocks all other writers

    def __init__(self, queue: DeliveryQueue) -> None:
        self._queue = queue

    async def sweep(self) -> None:
        while await self._queue.delete_delivered(self.batch_size) == self.batch_size:
            pass
