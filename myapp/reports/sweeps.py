"""Periodic jobs for reports that a crash has left behind, and for files that have expired."""

import logging
import time
import uuid
from typing import ClassVar

from pico_ioc import component
from pico_sqlalchemy import Sort

from ..platform.context.request_id import set_request_id
from ..platform.database.types import utc_now
from ..platform.events.history import EventHistory
from ..platform.lists import page_request
from ..platform.outbox.sweeps import Sweep
from .events import ReportRequested
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

    def __init__(self, states: ReportStates, queue: ReportQueue, history: EventHistory) -> None:
        self._states = states
        self._queue = queue
        self._history = history

    async def sweep(self) -> None:
        sent: list[uuid.UUID] = []
        requeued_at = utc_now()
        try:
            abandoned = await self._states.requeue_abandoned(LIMIT)
            requeued_at = utc_now()
            for report_id in abandoned:
                set_request_id(await self._request_id(report_id))  # for the log lines of the worker
                await self._queue.send(str(report_id))
                sent.append(report_id)
        finally:
            set_request_id(None)
            if sent:
                await self._states.mark_sent(sent, requeued_at)

    async def _request_id(self, report_id: uuid.UUID) -> str | None:
        aggregate, types, first = ReportRequested.aggregate, [ReportRequested.type], page_request(1, 1, [Sort("id")])
        found = await self._history.find_of_aggregate(aggregate, str(report_id), types, first)
        return found.content[0].request_id if found.content else None


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
