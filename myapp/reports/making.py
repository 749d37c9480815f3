"""How a report is made: claimed, read, written in a thread, kept, and told of."""

import asyncio
import logging
import threading
import time
import uuid
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from tempfile import TemporaryDirectory

from pico_ioc import component

from ..database.types import utc_now
from ..errors import StartupError, UnavailableError
from ..text import one_line
from .documents.content import ReportContent
from .files import ReportFiles
from .kinds.kind import ReportKind, Scope
from .models import Report
from .settings import ReportsSettings
from .spool import Spool
from .states import ReportStates

logger = logging.getLogger(__name__)

Writer = Callable[[ReportContent, Path, Callable[[int], None]], None]

INTERNAL = "The report could not be made; its id finds the cause in the log."


class StoppedError(Exception):
    """The report was cancelled, or somebody else has it."""


@dataclass
class Making:
    """One attempt, as its threads see it."""

    report: Report
    total: int = 0
    read: int = 0
    written: int = 0
    stopped: threading.Event = field(default_factory=threading.Event)

    @property
    def progress(self) -> int:
        """In percent; one half for each pass over the rows. It reaches 100 with the file only."""
        passes = (min(self.read / max(self.total, 1), 1.0), min(self.written / max(self.read, 1), 1.0))
        return min(int(50 * sum(passes)), 99)

    def go_on(self) -> None:
        if self.stopped.is_set():
            raise StoppedError

    def on_rows(self, number: int) -> None:
        self.written = number
        self.go_on()


@component
class ReportMaker:
    """Works the same in a worker, after a response, and in a test. Raises StartupError where a heartbeat could come
    after the end of the lease."""

    def __init__(
        self, states: ReportStates, files: ReportFiles, kinds: list[ReportKind], settings: ReportsSettings
    ) -> None:
        if settings.lease <= 2 * settings.heartbeat:
            raise StartupError("reports.lease (REPORTS__LEASE): must be longer than two heartbeats")
        self._states = states
        self._files = files
        self.kinds = {kind.name: kind for kind in kinds}
        self._settings = settings

    async def make(self, report_id: uuid.UUID) -> None:
        """Make a report that is queued, or was left in the middle; any other is passed over.

        Raises UnavailableError for a passing fault: the report is queued again. After the last attempt it has failed.
        """
        report = await self._states.claim(report_id)
        if report is None:
            return
        making = Making(report)
        try:
            async with self._kept_alive(making):
                await self._make(making)
        except StoppedError:
            await self._files.clear(report)
        except UnavailableError as error:
            logger.warning("report %s, attempt %s: %s", report.id, report.attempts, one_line(error))
            if await self._states.retry_later(report):
                raise
            await self._fail(report, str(error))
        except Exception:
            logger.exception("report %s cannot be made", report.id)
            await self._fail(report, INTERNAL)

    async def _make(self, making: Making) -> None:
        report, kind = making.report, self.kinds[making.report.kind]
        scope = Scope(report.period_start, report.period_end, utc_now())
        making.total = await kind.count(scope)
        with Spool() as spool, TemporaryDirectory(prefix="report-", ignore_cleanup_errors=True) as folder:
            async for batch in kind.batches(scope):
                spool.add(batch)
                making.read = len(spool)
                making.go_on()
            path = Path(folder) / "report"
            size = await in_thread(making, lambda: write(kind, scope, spool, path, making))
            await self._files.keep(report, path)
            if not await self._states.finish(report, len(spool), size):
                raise StoppedError

    async def _fail(self, report: Report, reason: str) -> None:
        await self._states.fail(report, reason)
        with suppress(UnavailableError):  # the sweep does it later
            await self._files.clear(report)

    @asynccontextmanager
    async def _kept_alive(self, making: Making) -> AsyncIterator[None]:
        ended = asyncio.Event()
        beating = asyncio.create_task(self._beat(making, ended))
        try:
            yield
        finally:
            making.stopped.set()
            ended.set()  # and not cancelled: it may be in the middle of a transaction
            await beating

    async def _beat(self, making: Making, ended: asyncio.Event) -> None:
        """Renew the lease and tell the progress; stop the work where that is not possible any more."""
        report, renewed = making.report, time.monotonic()
        while not making.stopped.is_set() and not await is_set_within(self._settings.heartbeat, ended):
            try:
                current = await self._states.renew(report, making.progress, making.read)
            except UnavailableError:
                current = report if time.monotonic() - renewed < self._settings.lease else None
            else:
                renewed = time.monotonic()
            if current is None:
                making.stopped.set()
            else:
                report = current


async def is_set_within(seconds: float, event: asyncio.Event) -> bool:
    with suppress(TimeoutError):
        async with asyncio.timeout(seconds):
            await event.wait()
    return event.is_set()


def write(kind: ReportKind, scope: Scope, spool: Spool, path: Path, making: Making) -> int:
    """The size of the file, in bytes."""
    writer_of(making.report.format)(kind.content(scope, spool), path, making.on_rows)
    making.go_on()
    return path.stat().st_size


def writer_of(format: str) -> Writer:
    """Imported when it is needed: reportlab is large."""
    if format == "pdf":
        from .documents.pdf import write_pdf

        return write_pdf
    from .documents.csv import write_csv

    return write_csv


async def in_thread(making: Making, work: Callable[[], int]) -> int:
    """The event loop goes on meanwhile. Cancelled, it waits until the thread has let go of its files."""
    working = asyncio.ensure_future(asyncio.to_thread(work))
    try:
        return await asyncio.shield(working)
    except asyncio.CancelledError:
        making.stopped.set()
        await asyncio.wait([working])
        raise
