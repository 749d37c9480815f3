"""The HTTP API of reports."""

import uuid
from typing import Annotated, Any

from fastapi import BackgroundTasks, Depends, Query, Response
from pico_client_auth import SecurityContext, allow_anonymous
from pico_fastapi import controller
from pydantic import Field

from ..platform.auth.authorities import requires_permission
from ..platform.context.actor import current_actor
from ..platform.database.columns import sortable_fields
from ..platform.errors import (
    ConflictError,
    DatabaseUnavailableError,
    GoneError,
    InvalidLinkError,
    NotFoundError,
    StorageUnavailableError,
)
from ..platform.web.attachments import attachment
from ..platform.web.paging import PageQuery, PageResponse, sort_order
from ..platform.web.routing import get, post
from .files import MEDIA_TYPES
from .inline import InlineReports
from .models import Report
from .schemas import NEWEST_FIRST, ReportFilter, ReportOrder, ReportResponse
from .services import ReportService

FILE_MEDIA_TYPES = tuple(media_type.partition(";")[0] for media_type in MEDIA_TYPES.values())
FILE_ERRORS = (NotFoundError, ConflictError, GoneError, StorageUnavailableError)


async def owner_filter() -> str | None:
    """Return the owner whose reports are visible; None means all owners, for callers with ``reports:read``."""
    return None if SecurityContext.has_role("reports:read") else current_actor()


VisibleOwner = Annotated[str | None, Depends(owner_filter)]
ReportSort = Annotated[Any, sort_order(*sortable_fields(Report)), Query()]
LinkPart = Annotated[str, Field(max_length=100), Query()]


class ReportListQuery(ReportFilter, PageQuery):
    sort: ReportSort = Field(default=NEWEST_FIRST, validate_default=True)


@controller(prefix="/api/v1/reports", tags=["Reports"], scope="singleton")
class ReportController:
    def __init__(self, service: ReportService, inline: InlineReports) -> None:
        self._service = service
        self._inline = inline

    @post("/", response_model=ReportResponse, status_code=202, versioned=True)
    @requires_permission("reports:create")
    async def request_report(self, body: ReportOrder, background: BackgroundTasks) -> Any:
        """Request a report. It is made in the background; its file is ready when `state` is `done`."""
        report = await self._service.request(body)
        if report.inline:
            background.add_task(self._inline.make, report.id)
        return report

    @get("/", response_model=PageResponse[ReportResponse], paged=True)
    async def list_reports(self, owner: VisibleOwner, query: Annotated[ReportListQuery, Query()]) -> Any:
        """List the caller's own reports, newest first. Callers with `reports:read` see the reports of all users."""
        return await self._service.list_paged(query.page, query.page_size, query, query.sort, owner=owner)

    @get("/{report_id:uuid}", response_model=ReportResponse, versioned=True, errors=[NotFoundError])
    async def get_report(self, report_id: uuid.UUID, owner: VisibleOwner) -> Any:
        """Return one of the caller's own reports. Callers with `reports:read` see the reports of all users."""
        return await self._service.get_by_id(report_id, owner)

    @post(
        "/{report_id:uuid}/cancel",
        response_model=ReportResponse,
        versioned=True,
        errors=[NotFoundError, ConflictError],
    )
    @requires_permission("reports:create")
    async def cancel_report(self, report_id: uuid.UUID, owner: VisibleOwner) -> Any:
        """Cancel a report that is not finished. Repeating the call changes nothing."""
        return await self._service.cancel(report_id, owner)

    @get("/{report_id:uuid}/file", files=FILE_MEDIA_TYPES, errors=FILE_ERRORS)
    async def get_report_file(self, report_id: uuid.UUID, owner: VisibleOwner) -> Response:
        """Download the file of a report whose state is `done`."""
        return attachment(await self._service.open_file(report_id, owner))

    @get(
        "/{report_id:uuid}/download",
        files=FILE_MEDIA_TYPES,
        errors=[InvalidLinkError, DatabaseUnavailableError, *FILE_ERRORS],
    )
    @allow_anonymous
    async def download_report(self, report_id: uuid.UUID, expires: LinkPart, signature: LinkPart) -> Response:
        """Download the file of a report by the signed link of a mail. No token is needed."""
        return attachment(await self._service.open_link(report_id, expires, signature))
