"""All queries for the counts."""

from collections.abc import Mapping, Sequence
from datetime import date

from pico_sqlalchemy import SessionManager, get_session, repository
from pydantic import MISSING
from sqlalchemy import select

from ..platform.database.types import utc_now
from ..platform.database.upsert import insert_into
from .models import EventCount
from .schemas import DailyCountsFilter


@repository
class EventCountRepository:
    def __init__(self, manager: SessionManager) -> None:
        self._manager = manager

    async def add(self, counts: Mapping[tuple[date, str], int]) -> None:
        """Add to the counts. Rows are updated in order of day and type, so that concurrent calls cannot deadlock."""
        session, now = get_session(self._manager), utc_now()
        rows = [
            {"day": day, "type": type, "count": count, "created_at": now, "updated_at": now}
            for (day, type), count in sorted(counts.items())
        ]
        insert = insert_into(session, EventCount).values(rows)
        added = {"count": EventCount.count + insert.excluded.count, "updated_at": insert.excluded.updated_at}
        await session.execute(insert.on_conflict_do_update(index_elements=["day", "type"], set_=added))

    async def find_daily(self, filters: DailyCountsFilter) -> Sequence[EventCount]:
        """Return the counts of the days, sorted by day and type."""
        statement = select(EventCount).where(EventCount.day.between(filters.first_day, filters.until))
        if filters.type is not MISSING:
            statement = statement.where(EventCount.type == filters.type)
        return (await get_session(self._manager).scalars(statement.order_by(EventCount.day, EventCount.type))).all()
