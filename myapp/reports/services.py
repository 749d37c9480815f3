"""The rules of reports."""

import uuid
from collections.abc import Sequence
from datetime import timedelta

from pico_ioc import component
from pico_pydantic import validate
from pico_sqlalchemy import Page, Sort, transactional

from ..platform.context.actor import current_actor
from ..platform.context.claims import current_email
from ..platform.database.types import utc_now
from ..platform.errors import ConflictError, GoneError, NotFoundError
from ..platform.events.publisher import EventPublisher
from ..platform.lists import page_request, parse_order
from .events import ReportRequested
from .files import ReportFile, ReportFiles
from .kinds.kind import ReportKind, Scope
from .links import ReportLinks
from .making import ReportMaker
from .models import Report
from .repositories import UNFINISHED, ReportRepository
from .schemas import NEWEST_FIRST, ReportFilter, ReportOrder
from .settings import ReportsSettings
from .states import ReportStates, event_fields

NO_FILTERS = ReportFilter()

Owner = str | None
"""The subject whose reports are visible; None means the reports of all users."""


@component
class ReportService:
    """Reports, for HTTP, scripts, tasks and tests. ``order`` may be a mapping.

    Raises ``NotFoundError`` (also if the report does not belong to ``owner``), ``ConflictError``,
    ``ValidationFailedError`` (pico-pydantic) and ``UnavailableError``.
    """

    def __init__(
        self,
        repo: ReportRepository,
        states: ReportStates,
        files: ReportFiles,
        links: ReportLinks,
        maker: ReportMaker,
        kinds: list[ReportKind],
        publisher: EventPublisher,
        settings: ReportsSettings,
    ) -> None:
        self._repo = repo
        self._states = states
        self._files = files
        self._links = links
        self._maker = maker
        self._kinds = {kind.name: kind for kind in kinds}
        self._publisher = publisher
        self._settings = settings

    @transactional
    @validate
    async def request(self, order: ReportOrder) -> Report:
        """Create a report in the state ``queued``.

        If it is ``inline``, the caller must call ``make``. Any other report is sent to a worker by its event.
        """
        now, limit = utc_now(), self._settings.inline_rows
        scope = Scope(order.period_start, order.period_end, now)
        report = Report(
            **order.model_dump(),
            owner=current_actor(),
            email=current_email(),
            inline=await self._kinds[order.kind].count(scope, limit + 1) <= limit,
            lease_until=now + timedelta(seconds=self._settings.requeue_after),
        )
        await self._repo.save(report)
        await self._publisher.publish(ReportRequested(**event_fields(report), inline=report.inline))
        return report

    @transactional(read_only=True)
    async def get_by_id(self, report_id: uuid.UUID, owner: Owner = None) -> Report:
        return require_visible(await self._repo.find_by_id(report_id), owner)

    @transactional(read_only=True)
    async def list_paged(
        self,
        page: int,
        page_size: int,
        filters: ReportFilter = NO_FILTERS,
        sort: Sequence[Sort] = parse_order(NEWEST_FIRST),
        *,
        owner: Owner = None,
    ) -> Page[Report]:
        """Return one page of reports; ``page`` 1 is the first, one beyond the end is empty."""
        return await self._repo.find_paged(owner, filters, page_request(page, page_size, sort))

    @transactional
    async def cancel(self, report_id: uuid.UUID, owner: Owner = None) -> Report:
        """Cancel a report that is not finished. The process that makes it stops soon. Repeating changes nothing."""
        report = require_visible(await self._repo.lock_by_id(report_id), owner)
        if report.state == "cancelled":
            return report
        if report.state not in UNFINISHED:
            raise ConflictError(f"The report is {report.state} already.")
        if report.state == "queued":  # an earlier attempt may have left a file for the sweep
            report.lease_until = utc_now()
        report.state, report.finished_at, report.version = "cancelled", utc_now(), report.version + 1
        return await self._repo.save(report)

    async def make(self, report_id: uuid.UUID) -> None:
        """See ``ReportMaker.make``."""
        await self._maker.make(report_id)

    async def open_file(self, report_id: uuid.UUID, owner: Owner = None) -> ReportFile:
        """Return the file. Raises ConflictError if there is no file (yet), and GoneError if it has expired."""
        return await self._files.open(require_visible(await self._states.find(report_id), owner))

    async def open_link(self, report_id: uuid.UUID, expires: str, signature: str) -> ReportFile:
        """Return the file of a signed link. Raises InvalidLinkError, or GoneError if link or file have expired."""
        return await self._files.open(self._links.verify(await self._states.find(report_id), expires, signature))

    async def link(self, report_id: uuid.UUID) -> str | None:
        """Return a signed link to the file, or None if there is no file. See ``ReportLinks``."""
        report = await self._states.find(report_id)
        return self._links.create(report) if report and report.state == "done" else None

    async def read_file(self, report_id: uuid.UUID, limit: int) -> bytes | None:
        """Return the content of the file, or None if there is no file or it has more than ``limit`` bytes."""
        report = await self._states.find(report_id)
        if report is None or report.state != "done":
            return None
        try:
            file = await self._files.open(report)
        except GoneError:
            return None
        return b"".join([chunk async for chunk in file.chunks]) if file.size <= limit else None


def require_visible(report: Report | None, owner: Owner) -> Report:
    if report is None or (owner is not None and report.owner != owner):
        raise NotFoundError("There is no such report.")
    return report
