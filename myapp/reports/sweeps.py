"""What time makes of reports: those that a crash has left behind, and those whose time is over."""

import uuid
from typing import ClassVar

from pico_ioc import component

from ..platform.outbox.sweeps import Sweep
from .files import ReportFiles
from .queue import ReportQueue
from .states import ReportStates

LIMIT = 50
"""Reports of one sweep."""


@component
class LeftBehindSweep(Sweep):
    """Queues reports that nobody has begun or somebody has left in the middle: not every broker delivers again."""

    interval: ClassVar[float] = 5.0

    def __init__(self, states: ReportStates, queue: ReportQueue) -> None:
        self._states = states
        self._queue = queue

    async def sweep(self) -> None:
        told: list[uuid.UUID] = []
        try:
            for report_id in await self._states.queue_left(LIMIT):
                await self._queue.send(str(report_id))
                told.append(report_id)
        finally:
            if told:
                await self._states.told(told)


@component
class UnclearedSweep(Sweep):
    """Deletes what reports that failed or were cancelled have left in the storage."""

    interval: ClassVar[float] = 5.0

    def __init__(self, states: ReportStates, files: ReportFiles) -> None:
        self._states = states
        self._files = files

    async def sweep(self) -> None:
        for report in await self._states.uncleared(LIMIT):
            await self._files.clear(report)


@component
class ExpirySweep(Sweep):
    """Deletes the files of reports whose time is over."""

    interval: ClassVar[float] = 60.0

    def __init__(self, states: ReportStates, files: ReportFiles) -> None:
        self._states = states
        self._files = files

    async def sweep(self) -> None:
        for report in await self._states.expired(LIMIT):
            await self._files.expire(report)
