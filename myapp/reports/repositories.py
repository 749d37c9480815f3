"""All queries for reports."""

import uuid
from collections.abc import Collection, Sequence
from datetime import datetime
from typing import Any

from pico_sqlalchemy import Page, PageRequest, SessionManager, get_session, repository
from sqlalchemy import case, func, literal_column, or_, select, update

from ..platform.database.queries import fetch_page
from ..platform.database.sessions import wait_for_row
from .models import Report
from .schemas import ReportFilter

UNFINISHED = ("queued", "running")
WITHOUT_FILE = ("failed", "cancelled")


@repository(entity=Report)
class ReportRepository:
    def __init__(self, manager: SessionManager) -> None:
        self._manager = manager

    async def save(self, report: Report) -> Report:
        session = get_session(self._manager)
        session.add(report)
        await session.flush()
        return report

    async def find_by_id(self, id: uuid.UUID) -> Report | None:
        return await get_session(self._manager).get(Report, id)

    async def lock_by_id(self, id: uuid.UUID) -> Report | None:
        """Return the report and lock its row until the transaction ends."""
        await wait_for_row(self._manager, Report, id)
        return await get_session(self._manager).get(Report, id, with_for_update=True)

    async def find_paged(self, owner: str | None, filters: ReportFilter, page: PageRequest) -> Page[Report]:
        """Return one page of the reports of ``owner``, or of all owners."""
        statement = select(Report).filter_by(**filters.model_dump(include=set(ReportFilter.model_fields)))
        if owner is not None:
            statement = statement.where(Report.owner == owner)
        return await fetch_page(get_session(self._manager), Report, statement, page)

    async def claim(self, id: uuid.UUID, now: datetime, until: datetime) -> Report | None:
        """Start the next attempt and return the report.

        Return None if another process is making it, or if it is finished or cancelled.
        """
        statement = (
            update(Report)
            .where(Report.id == id, or_(Report.state == "queued", has_expired_lease(now, "running")))
            .values(
                state="running",
                attempts=Report.attempts + 1,
                lease_until=until,
                progress=0,
                rows=0,
                started_at=now,
                version=Report.version + 1,
            )
        )
        return await self._update_one(statement)

    async def update_attempt(self, id: uuid.UUID, attempt: int, **values: Any) -> Report | None:
        """Set ``values`` and return the report. Return None if it is not running any more, or in another attempt."""
        statement = update(Report).where(Report.id == id, Report.state == "running", Report.attempts == attempt)
        return await self._update_one(statement.values(version=Report.version + 1, **values))

    async def renew(self, id: uuid.UUID, attempt: int, until: datetime) -> Report | None:
        """Extend the lease only. Nothing changes that a client can see."""
        statement = (
            update(Report)
            .where(Report.id == id, Report.state == "running", Report.attempts == attempt)
            .values(lease_until=until, updated_at=Report.updated_at)
        )
        return await self._update_one(statement)

    async def requeue_abandoned(self, now: datetime, until: datetime, limit: int) -> Sequence[uuid.UUID]:
        """Queue up to ``limit`` reports again that nobody began in time or whose process has died. Return their ids.

        Rows that another process has locked are skipped.
        """
        left = (
            select(Report.id)
            .where(has_expired_lease(now, *UNFINISHED))
            .order_by(Report.lease_until)
            .limit(limit)
            .with_for_update(skip_locked=True)
            .cte("abandoned")
        )
        statement = (
            update(Report)
            .where(Report.id.in_(select(left.c.id)), has_expired_lease(now, *UNFINISHED))
            .values(
                state="queued",
                lease_until=until,
                version=Report.version + case((Report.state == "running", 1), else_=0),
                updated_at=case((Report.state == "running", now), else_=Report.updated_at),
            )
            .returning(Report.id)
            .execution_options(synchronize_session=False)
        )
        return (await get_session(self._manager).scalars(statement)).all()

    async def mark_sent(self, ids: Collection[uuid.UUID], until: datetime, requeued_at: datetime) -> None:
        """Give the workers time until ``until`` to begin these reports."""
        statement = (
            update(Report)
            .where(Report.id.in_(ids), Report.state == "queued", Report.updated_at <= requeued_at)
            .values(lease_until=until, updated_at=Report.updated_at)
            .execution_options(synchronize_session=False)
        )
        await get_session(self._manager).execute(statement)

    async def count_waiting(self, before: datetime) -> tuple[int, datetime | None]:
        """Count the reports that are queued since before ``before``. Return the time of the oldest, too.

        ``lease_until`` is there for the index: it is set in every queued report.
        """
        statement = select(func.count(), func.min(Report.updated_at)).where(
            Report.state == "queued", Report.lease_until.is_not(None), Report.updated_at < before
        )
        count, oldest = (await get_session(self._manager).execute(statement)).one()
        return count, oldest

    async def find_uncleared(self, now: datetime, limit: int) -> Sequence[Report]:
        """Return failed and cancelled reports that may still have a file in the storage."""
        statement = (
            select(Report).where(has_expired_lease(now, *WITHOUT_FILE)).order_by(Report.lease_until).limit(limit)
        )
        return (await get_session(self._manager).scalars(statement)).all()

    async def mark_cleared(self, id: uuid.UUID) -> None:
        statement = (
            update(Report)
            .where(Report.id == id, Report.state.in_(WITHOUT_FILE))
            .values(lease_until=None, updated_at=Report.updated_at)
            .execution_options(synchronize_session=False)
        )
        await get_session(self._manager).execute(statement)

    async def find_expired(self, now: datetime, limit: int) -> Sequence[Report]:
        """Return finished reports whose file has expired."""
        statement = (
            select(Report)
            .where(Report.state == literal_column("'done'"), Report.expires_at <= now)  # literal as in the index
            .order_by(Report.expires_at)
            .limit(limit)
        )
        return (await get_session(self._manager).scalars(statement)).all()

    async def expire(self, id: uuid.UUID) -> None:
        statement = (
            update(Report)
            .where(Report.id == id, Report.state == "done")
            .values(state="expired", version=Report.version + 1)
            .execution_options(synchronize_session=False)
        )
        await get_session(self._manager).execute(statement)

    async def _update_one(self, statement: Any) -> Report | None:
        returning = statement.returning(Report).execution_options(synchronize_session=False, populate_existing=True)
        found: Report | None = (await get_session(self._manager).scalars(returning)).one_or_none()
        return found


def has_expired_lease(now: datetime, *states: str) -> Any:
    return Report.state.in_(states) & (Report.lease_until <= now)
