"""The files of reports in the storage. The key of a file contains the report's id."""

from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path

from pico_ioc import component

from ..platform.database.types import utc_now
from ..platform.errors import ConflictError, GoneError, NotFoundError
from ..platform.storage.files import Storage
from .models import Report
from .states import ReportStates

MEDIA_TYPES: dict[str, str] = {
    "pdf": "application/pdf",
    "csv": "text/csv; charset=utf-8",
    "xlsx": "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet",
}
EXPIRED = "The report has expired."


@dataclass(frozen=True)
class ReportFile:
    name: str
    media_type: str
    size: int
    chunks: AsyncIterator[bytes]


@component
class ReportFiles:
    """Stores, opens and deletes the files. Raises StorageUnavailableError."""

    def __init__(self, storage: Storage, states: ReportStates) -> None:
        self._storage = storage
        self._states = states

    async def store(self, report: Report, path: Path) -> None:
        """Store the file. All attempts use the same key, so the last one replaces the others."""
        await self._storage.put(storage_key(report), path)

    async def open(self, report: Report) -> ReportFile:
        """Return the file. Raises ConflictError if there is no file (yet), and GoneError if it has expired."""
        if report.state == "expired" or (report.expires_at and report.expires_at <= utc_now()):
            raise GoneError(EXPIRED)
        if report.state != "done":
            raise ConflictError(f"The report is {report.state}.")
        try:
            stored = await self._storage.stream(storage_key(report))
        except NotFoundError as error:
            raise GoneError(EXPIRED) from error  # it expired a moment ago
        name = f"{report.kind}-{report.created_at:%Y-%m-%d}.{report.format}"
        return ReportFile(name, MEDIA_TYPES[report.format], stored.size, stored.chunks)

    async def clear(self, report: Report) -> None:
        """Delete the file that a failed or cancelled report has left. In other states the file stays."""
        current = await self._states.find(report.id)
        if current and current.state in ("failed", "cancelled"):
            await self._storage.delete(storage_key(report))
            await self._states.mark_cleared(report.id)

    async def expire(self, report: Report) -> None:
        """Delete the file, then mark the report as expired. In this order a failed deletion is repeated."""
        await self._storage.delete(storage_key(report))
        await self._states.expire(report.id)


def storage_key(report: Report) -> str:
    return f"reports/{report.id}.{report.format}"
