"""All queries of events."""

from collections.abc import Collection, Sequence
from dataclasses import fields
from datetime import datetime
from operator import attrgetter
from typing import Any

from pico_sqlalchemy import AppBase, Page, PageRequest, SessionManager, get_session, repository
from sqlalchemy import func, insert, select

from ..database.queries import fetch_page
from .event import RecordedEvent
from .models import Event

# Insert into the table, not the entity: an INSERT through the entity takes half as long again, on every write.
EVENTS = AppBase.metadata.tables[Event.__tablename__]
INSERT = insert(EVENTS).returning(EVENTS.c.id, sort_by_parameter_order=True)

BATCH_SIZE = 1000
"""Rows of one INSERT, as SQLAlchemy has it for PostgreSQL."""

FIELDS = attrgetter(*(field.name for field in fields(RecordedEvent)))


@repository
class EventRepository:
    def __init__(self, manager: SessionManager) -> None:
        self._manager = manager
        self._is_sqlite = manager.engine.dialect.name == "sqlite"

    async def add(self, rows: Sequence[dict[str, Any]]) -> Sequence[int]:
        """Insert up to ``BATCH_SIZE`` rows in one statement. Return the new ids, in the order of the rows.

        For SQLite, SQLAlchemy 2.1 would insert row by row: it does not rely on the order of ids, which SQLite gives in
        the order of the rows.
        """
        session = get_session(self._manager)
        if len(rows) == 1 or not self._is_sqlite:
            return (await session.scalars(INSERT, rows)).all()
        ids: list[int] = []
        for start in range(0, len(rows), BATCH_SIZE):
            several = insert(EVENTS).values(rows[start : start + BATCH_SIZE]).returning(EVENTS.c.id)
            ids += sorted(await session.scalars(several))
        return ids

    async def exists(self, event_id: int) -> bool:
        return await get_session(self._manager).scalar(select(Event.id).where(Event.id == event_id)) is not None

    async def find_of_aggregate(
        self, aggregate: str, aggregate_id: str, types: Collection[str], page: PageRequest
    ) -> Page[Event]:
        """Return one page of the events of ``types`` of one aggregate, oldest first."""
        statement = select(Event).where(
            Event.aggregate == aggregate, Event.aggregate_id == aggregate_id, Event.type.in_(types)
        )
        return await fetch_page(get_session(self._manager), Event, statement, page)

    async def find_between(self, after_id: int, since: datetime, until: datetime, limit: int) -> Sequence[Event]:
        """Return up to ``limit`` events with a higher id, from ``since`` on and before ``until``, in id order."""
        statement = (
            select(Event)
            .where(Event.id > after_id, Event.occurred_at >= since, Event.occurred_at < until)
            .order_by(Event.id)
            .limit(limit)
        )
        return (await get_session(self._manager).scalars(statement)).all()

    async def count_between(self, since: datetime, until: datetime, types: Collection[str], at_most: int | None) -> int:
        """Count the events of ``types``. Read at most ``at_most`` of them."""
        ids = select(Event.id).where(Event.occurred_at >= since, Event.occurred_at < until, Event.type.in_(types))
        counted = select(func.count()).select_from(ids.limit(at_most).subquery())
        return int(await get_session(self._manager).scalar(counted) or 0)


def to_recorded(event: Event) -> RecordedEvent:
    return RecordedEvent(*FIELDS(event))
