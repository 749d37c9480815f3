"""Work that time makes due: what has expired, what a crash has left behind."""

import logging
import time
from abc import ABC, abstractmethod
from collections.abc import Iterable
from typing import ClassVar

from pico_ioc import component

from ..text import one_line
from .queue import DeliveryQueue

logger = logging.getLogger(__name__)


class Sweep(ABC):
    """A component that every relay runs every ``interval`` seconds: it must be right when several run it at once, and
    do a limited amount of work."""

    interval: ClassVar[float]

    @abstractmethod
    async def sweep(self) -> None: ...


class SweepTimes:
    """When each sweep is due in this process."""

    def __init__(self, sweeps: Iterable[Sweep]) -> None:
        self._due_at = dict.fromkeys(sweeps, 0.0)

    async def run_due(self) -> None:
        for sweep, due_at in self._due_at.items():
            if time.monotonic() >= due_at:
                self._due_at[sweep] = time.monotonic() + sweep.interval
                try:
                    await sweep.sweep()
                except Exception as error:
                    logger.warning("%s failed: %s", type(sweep).__name__, one_line(error))


@component
class DeliveredSweep(Sweep):
    """Forgets deliveries that were made long ago; the events stay."""

    interval = 600.0
    LIMIT: ClassVar[int] = 10_000

    def __init__(self, queue: DeliveryQueue) -> None:
        self._queue = queue

    async def sweep(self) -> None:
        await self._queue.forget_delivered(self.LIMIT)
