"""Makes a report: claims it, reads its rows, writes the file in a thread, stores the file and publishes the event."""

import asyncio
import logging
import time
import uuid
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress
from importlib import import_module
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

INTERNAL_ERROR = "The report could not be made. The log has the cause; search for the report's id."


@component
class ReportMaker:
    """Makes reports in a worker, after a response, or in a test.

    Raises StartupError if the lease could end before a heartbeat renews it.
    """

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
        """Make a report that is queued or was abandoned by another process. Ignore any other.

        Raises UnavailableError for a temporary fault; the report is then queued again. After the last attempt, it is
        marked as failed instead.
        """
        report = await self._states.claim(report_id)
        if report is None:
            return
        attempt = Attempt(report)
        try:
            async with self._heartbeat(attempt):
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
            await self._fail(report, INTERNAL_ERROR)

    async def _make(self, attempt: Attempt) -> None:
        report, kind = attempt.report, self.kinds[attempt.report.kind]
        scope = Scope(report.period_start, report.period_end, utc_now())
        attempt.total = await kind.count(scope)
        with Spool() as spool, TemporaryDirectory(prefix="report-", ignore_cleanup_errors=True) as folder:
            async for batch in kind.batches(scope):
                spool.add(batch)
                attempt.read = len(spool)
                attempt.raise_if_stopped()
            path = Path(folder) / "report"
            size = await run_in_thread(attempt, lambda: write(kind, scope, spool, path, attempt))
            await self._files.store(report, path)
            if not await self._states.finish(report, len(spool), size):
                raise StoppedError

    async def _fail(self, report: Report, reason: str) -> None:
        await self._states.fail(report, reason)
        with suppress(UnavailableError):  # the sweep will clear it
            await self._files.clear(report)

    @asynccontextmanager
    async def _heartbeat(self, attempt: Attempt) -> AsyncIterator[None]:
        ended = asyncio.Event()
        heartbeat = asyncio.create_task(self._renew_until(attempt, ended))
        try:
            yield
        finally:
            attempt.stopped.set()
            ended.set()  # no cancel(): the task may be inside a transaction
            await heartbeat

    async def _renew_until(self, attempt: Attempt, ended: asyncio.Event) -> None:
        """Renew the lease and record the progress until ``ended``. Stop the attempt if the lease is lost."""
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
    """Write the file and return its size in bytes."""
    load_writer(attempt.report.format)(kind.content(scope, spool), path, attempt.on_rows)
    attempt.raise_if_stopped()
    return path.stat().st_size


def load_writer(format: str) -> Writer:
    """Import the writer of ``format`` when it is needed: their libraries are large."""
    writer: Writer = getattr(import_module(f"{__package__}.documents.{format}"), f"write_{format}")
    return writer


async def run_in_thread(attempt: Attempt, work: Callable[[], int]) -> int:
    """Run ``work`` in a thread. If the task is cancelled, wait until the thread has closed its files."""
    working = asyncio.ensure_future(asyncio.to_thread(work))
    try:
        return await asyncio.shield(working)
    except asyncio.CancelledError:
        attempt.stopped.set()
        await asyncio.wait([working])
        raise
