"""The state changes of a report. Each is one transaction and has no effect for a process that has lost its lease."""

import uuid
from collections.abc import Collection, Sequence
from datetime import datetime, timedelta
from typing import Any

from pico_ioc import component
from pico_sqlalchemy import transactional

from ..platform.database.types import utc_now
from ..platform.events.publisher import EventPublisher
from .events import ReportFailed, ReportFinished
from .models import MAX_ERROR, Report
from .repositories import ReportRepository
from .settings import ReportsSettings

EVERY_ATTEMPT_DIED = "The process that made the report ended unexpectedly in each attempt."


@component
class ReportStates:
    def __init__(self, repo: ReportRepository, publisher: EventPublisher, settings: ReportsSettings) -> None:
        self._repo = repo
        self._publisher = publisher
        self._settings = settings

    @transactional(read_only=True)
    async def find(self, report_id: uuid.UUID) -> Report | None:
        return await self._repo.find_by_id(report_id)

    @transactional
    async def claim(self, report_id: uuid.UUID) -> Report | None:
        """Claim the report. Return None if there is nothing to make, or if another process has claimed it."""
        now = utc_now()
        report = await self._repo.claim(report_id, now, now + timedelta(seconds=self._settings.lease))
        if report is None or report.attempts <= self._settings.max_attempts:
            return report
        await self._fail(report, EVERY_ATTEMPT_DIED)
        return None

    @transactional
    async def renew(self, report: Report, progress: int, rows: int) -> Report | None:
        """Renew the lease and record the progress. Return None if the report was cancelled or the lease is lost."""
        until = utc_now() + timedelta(seconds=self._settings.lease)
        if (progress, rows) == (report.progress, report.rows):
            return await self._repo.renew(report.id, report.attempts, until)
        values = {"lease_until": until, "progress": progress, "rows": rows}
        return await self._repo.update_attempt(report.id, report.attempts, **values)

    @transactional
    async def finish(self, report: Report, rows: int, size: int) -> bool:
        """Mark the report as done. Return False if it was cancelled or the lease is lost."""
        now = utc_now()
        done = await self._repo.update_attempt(
            report.id,
            report.attempts,
            state="done",
            progress=100,
            rows=rows,
            size=size,
            error=None,
            lease_until=None,
            finished_at=now,
            expires_at=now + timedelta(days=self._settings.expire_days),
        )
        if done:
            event = ReportFinished(**event_fields(done), email=done.email, rows=rows, size=size)
            await self._publisher.publish(event)
        return done is not None

    @transactional
    async def fail(self, report: Report, reason: str) -> None:
        """Mark the report as failed. It is not tried again."""
        await self._fail(report, reason)

    @transactional
    async def retry_later(self, report: Report) -> bool:
        """Queue the report again after a pause. Return False if this was the last attempt."""
        if report.attempts >= self._settings.max_attempts:
            return False
        pause = timedelta(seconds=self._settings.retry_pause * 2.0 ** (report.attempts - 1))
        values = {"state": "queued", "progress": 0, "rows": 0, "lease_until": utc_now() + pause}
        await self._repo.update_attempt(report.id, report.attempts, **values)
        return True

    @transactional
    async def requeue_abandoned(self, limit: int) -> Sequence[uuid.UUID]:
        """Queue abandoned reports again and return their ids. The caller must send them and then call ``mark_sent``."""
        now = utc_now()
        return await self._repo.requeue_abandoned(now, now + timedelta(seconds=self._settings.retry_pause), limit)

    @transactional
    async def mark_sent(self, report_ids: Collection[uuid.UUID], requeued_at: datetime) -> None:
        """Give the workers time. A report that was tried since ``requeued_at`` keeps the time of its next attempt."""
        until = utc_now() + timedelta(seconds=self._settings.requeue_after)
        await self._repo.mark_sent(report_ids, until, requeued_at)

    @transactional(read_only=True)
    async def count_waiting(self, seconds: float) -> tuple[int, float]:
        """Return how many reports are queued for more than ``seconds``, and for how many seconds the oldest is."""
        now = utc_now()
        count, oldest = await self._repo.count_waiting(now - timedelta(seconds=seconds))
        return count, (now - oldest).total_seconds() if oldest else 0.0

    @transactional(read_only=True)
    async def find_uncleared(self, limit: int) -> Sequence[Report]:
        return await self._repo.find_uncleared(utc_now(), limit)

    @transactional
    async def mark_cleared(self, report_id: uuid.UUID) -> None:
        await self._repo.mark_cleared(report_id)

    @transactional(read_only=True)
    async def find_expired(self, limit: int) -> Sequence[Report]:
        return await self._repo.find_expired(now=utc_now(), limit=limit)

    @transactional
    async def expire(self, report_id: uuid.UUID) -> None:
        await self._repo.expire(report_id)

    async def _fail(self, report: Report, reason: str) -> None:
        now = utc_now()
        values = {"state": "failed", "error": reason[:MAX_ERROR], "finished_at": now, "lease_until": now}
        failed = await self._repo.update_attempt(report.id, report.attempts, **values)
        if failed:
            event = ReportFailed(**event_fields(failed), email=failed.email, reason=reason[:MAX_ERROR])
            await self._publisher.publish(event)


def event_fields(report: Report) -> dict[str, Any]:
    """Return the fields that all events of a report have."""
    return {
        "aggregate_id": str(report.id),
        "version": report.version,
        "kind": report.kind,
        "format": report.format,
        "owner": report.owner,
    }
