"""The files of reports: one each, under the report's id."""

from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path

from pico_ioc import component

from ..platform.database.types import utc_now
from ..platform.errors import ConflictError, GoneError, NotFoundError
from ..platform.storage.files import Storage
from .models import Report
from .states import ReportStates

MEDIA_TYPES = {"pdf": "application/pdf", "csv": "text/csv; charset=utf-8"}
EXPIRED = "The report has expired."


@dataclass(frozen=True)
class ReportFile:
    name: str
    media_type: str
    size: int
    chunks: AsyncIterator[bytes]


@component
class ReportFiles:
    """Raises StorageUnavailableError."""

    def __init__(self, storage: Storage, states: ReportStates) -> None:
        self._storage = storage
        self._states = states

    async def keep(self, report: Report, path: Path) -> None:
        """Under the same key in each attempt: the last one stands."""
        await self._storage.put(key_of(report), path)

    async def open(self, report: Report) -> ReportFile:
        """Raises ConflictError where there is no file yet, or never will be, and GoneError where there was one."""
        if report.state == "expired" or (report.expires_at and report.expires_at <= utc_now()):
            raise GoneError(EXPIRED)
        if report.state != "done":
            raise ConflictError(f"The report is {report.state}.")
        try:
            stored = await self._storage.stream(key_of(report))
        except NotFoundError as error:
            raise GoneError(EXPIRED) from error  # a moment ago
        name = f"{report.kind}-{report.created_at:%Y-%m-%d}.{report.format}"
        return ReportFile(name, MEDIA_TYPES[report.format], stored.size, stored.chunks)

    async def clear(self, report: Report) -> None:
        """Delete what a report that failed or was cancelled has left; what still has a use stays."""
        current = await self._states.find(report.id)
        if current and current.state in ("failed", "cancelled"):
            await self._storage.delete(key_of(report))
            await self._states.cleared(report.id)

    async def expire(self, report: Report) -> None:
        """The file goes first: where that fails, it is done again."""
        await self._storage.delete(key_of(report))
        await self._states.expire(report.id)


def key_of(report: Report) -> str:
    return f"reports/{report.id}.{report.format}"
