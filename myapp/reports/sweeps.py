"""Periodic jobs for reports that a crash has left behind, and for files that have expired."""

import logging
import time
import uuid
from typing import ClassVar

from pico_ioc import component

from ..platform.outbox.sweeps import Sweep
from .files import ReportFiles
from .queue import ReportQueue
from .settings import ReportsSettings
from .states import ReportStates

logger = logging.getLogger(__name__)

LIMIT = 50
"""The most reports of one sweep."""
PAUSE = 60.0
"""Seconds between two warnings of waiting reports. A report may wait that long, or ``reports.requeue_after``."""


@component
class LeftBehindSweep(Sweep):
    """Queues reports again that nobody began or whose process has died: not every broker redelivers messages."""

    interval: ClassVar[float] = 5.0

    def __init__(self, states: ReportStates, queue: ReportQueue) -> None:
        self._states = states
        self._queue = queue

    async def sweep(self) -> None:
        sent: list[uuid.UUID] = []
        try:
            for report_id in await self._states.requeue_abandoned(LIMIT):
                await self._queue.send(str(report_id))
                sent.append(report_id)
        finally:
            if sent:
                await self._states.mark_sent(sent)


@component
class WaitingSweep(Sweep):
    """Warns, at most once a minute, that reports wait and nobody makes them."""

    interval: ClassVar[float] = 5.0

    def __init__(self, states: ReportStates, settings: ReportsSettings) -> None:
        self._states = states
        self._patience = min(settings.requeue_after, PAUSE)
        self._next_at = 0.0

    async def sweep(self) -> None:
        if time.monotonic() < self._next_at:
            return
        count, seconds = await self._states.count_waiting(self._patience)
        if count:
            self._next_at = time.monotonic() + PAUSE
            logger.warning("reports that wait to be made: %s, the oldest for %.0f seconds", count, seconds)


@component
class UnclearedSweep(Sweep):
    """Deletes the files that failed and cancelled reports have left in the storage."""

    interval: ClassVar[float] = 5.0

    def __init__(self, states: ReportStates, files: ReportFiles) -> None:
        self._states = states
        self._files = files

    async def sweep(self) -> None:
        for report in await self._states.find_uncleared(LIMIT):
            await self._files.clear(report)


@component
class ExpirySweep(Sweep):
    """Deletes the files of expired reports."""

    interval: ClassVar[float] = 60.0

    def __init__(self, states: ReportStates, files: ReportFiles) -> None:
        self._states = states
        self._files = files

    async def sweep(self) -> None:
        for report in await self._states.find_expired(LIMIT):
            await self._files.expire(report)
