"""How a report is made: claimed, read, written in a thread, kept, and told of."""

import asyncio
import logging
import time
import uuid
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from tempfile import TemporaryDirectory

from pico_ioc import component

from ..platform.database.types import utc_now
from ..platform.errors import StartupError, UnavailableError
from ..platform.text import error_summary
from .attempt import Attempt, StoppedError
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
        attempt = Attempt(report)
        try:
            async with self._kept_alive(attempt):
                await self._make(attempt)
        except StoppedError:
            await self._files.clear(report)
        except UnavailableError as error:
            logger.warning("report %s, attempt %s: %s", report.id, report.attempts, error_summary(error))
            if await self._states.retry_later(report):
                raise
            await self._fail(report, str(error))
        except Exception:
            logger.exception("report %s cannot be made", report.id)
            await self._fail(report, INTERNAL)

    async def _make(self, attempt: Attempt) -> None:
        report, kind = attempt.report, self.kinds[attempt.report.kind]
        scope = Scope(report.period_start, report.period_end, utc_now())
        attempt.total = await kind.count(scope)
        with Spool() as spool, TemporaryDirectory(prefix="report-", ignore_cleanup_errors=True) as folder:
            async for batch in kind.batches(scope):
                spool.add(batch)
                attempt.read = len(spool)
                attempt.go_on()
            path = Path(folder) / "report"
            size = await in_thread(attempt, lambda: write(kind, scope, spool, path, attempt))
            await self._files.keep(report, path)
            if not await self._states.finish(report, len(spool), size):
                raise StoppedError

    async def _fail(self, report: Report, reason: str) -> None:
        await self._states.fail(report, reason)
        with suppress(UnavailableError):  # the sweep does it later
            await self._files.clear(report)

    @asynccontextmanager
    async def _kept_alive(self, attempt: Attempt) -> AsyncIterator[None]:
        ended = asyncio.Event()
        beating = asyncio.create_task(self._beat(attempt, ended))
        try:
            yield
        finally:
            attempt.stopped.set()
            ended.set()  # and not cancelled: it may be in the middle of a transaction
            await beating

    async def _beat(self, attempt: Attempt, ended: asyncio.Event) -> None:
        """Renew the lease and tell the progress; stop the work where that is not possible any more."""
        report, renewed = attempt.report, time.monotonic()
        while not attempt.stopped.is_set() and not await is_set_within(self._settings.heartbeat, ended):
            try:
                current = await self._states.renew(report, attempt.progress, attempt.read)
            except UnavailableError:
                current = report if time.monotonic() - renewed < self._settings.lease else None
            else:
                renewed = time.monotonic()
            if current is None:
                attempt.stopped.set()
            else:
                report = current


async def is_set_within(seconds: float, event: asyncio.Event) -> bool:
    with suppress(TimeoutError):
        async with asyncio.timeout(seconds):
            await event.wait()
    return event.is_set()


def write(kind: ReportKind, scope: Scope, spool: Spool, path: Path, attempt: Attempt) -> int:
    """The size of the file, in bytes."""
    writer_of(attempt.report.format)(kind.content(scope, spool), path, attempt.on_rows)
    attempt.go_on()
    return path.stat().st_size


def writer_of(format: str) -> Writer:
    """Imported when it is needed: reportlab is large."""
    if format == "pdf":
        from .documents.pdf import write_pdf

        return write_pdf
    from .documents.csv import write_csv

    return write_csv


async def in_thread(attempt: Attempt, work: Callable[[], int]) -> int:
    """The event loop goes on meanwhile. Cancelled, it waits until the thread has let go of its files."""
    working = asyncio.ensure_future(asyncio.to_thread(work))
    try:
        return await asyncio.shield(working)
    except asyncio.CancelledError:
        attempt.stopped.set()
        await asyncio.wait([working])
        raise
