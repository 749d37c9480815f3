"""Every query of events."""

from collections.abc import Collection, Sequence
from datetime import datetime
from typing import Any

from pico_sqlalchemy import AppBase, Page, PageRequest, SessionManager, get_session, repository
from sqlalchemy import func, insert, select

from ..database.queries import fetch_page
from .handler import RecordedEvent
from .models import Event

# Into the tables: by way of the entities, each INSERT would take half as long again, in every write there is.
EVENTS, DELIVERIES = AppBase.metadata.tables["events"], AppBase.metadata.tables["event_deliveries"]
INSERT_EVENT = insert(EVENTS).returning(EVENTS.c.id)
INSERT_DELIVERY = insert(DELIVERIES)


@repository
class EventRepository:
    def __init__(self, manager: SessionManager) -> None:
        self._manager = manager

    async def add(self, row: dict[str, Any]) -> int:
        """The new event's id."""
        event_id: int = (await get_session(self._manager).execute(INSERT_EVENT, row)).scalar_one()
        return event_id

    async def add_deliveries(self, rows: Sequence[dict[str, Any]]) -> None:
        await get_session(self._manager).execute(INSERT_DELIVERY, rows)

    async def exists(self, event_id: int) -> bool:
        return await get_session(self._manager).scalar(select(Event.id).where(Event.id == event_id)) is not None

    async def find_of(
        self, aggregate: str, aggregate_id: str, types: Collection[str], page: PageRequest
    ) -> Page[Event]:
        """The events of ``types`` of one aggregate, oldest first."""
        statement = select(Event).where(
            Event.aggregate == aggregate, Event.aggregate_id == aggregate_id, Event.type.in_(types)
        )
        return await fetch_page(get_session(self._manager), Event, statement, page)

    async def find_between(self, after_id: int, since: datetime, until: datetime, limit: int) -> Sequence[Event]:
        """Up to ``limit`` events with a higher id, in id order, that occurred from ``since`` on, before ``until``."""
        statement = (
            select(Event)
            .where(Event.id > after_id, Event.occurred_at >= since, Event.occurred_at < until)
            .order_by(Event.id)
            .limit(limit)
        )
        return (await get_session(self._manager).scalars(statement)).all()

    async def count_between(self, since: datetime, until: datetime, types: Collection[str], at_most: int | None) -> int:
        """How many events of ``types`` there are; no more than ``at_most`` are looked at."""
        ids = select(Event.id).where(Event.occurred_at >= since, Event.occurred_at < until, Event.type.in_(types))
        counted = select(func.count()).select_from(ids.limit(at_most).subquery())
        return int(await get_session(self._manager).scalar(counted) or 0)


def recorded(event: Event) -> RecordedEvent:
    return RecordedEvent(
        event.id,
        event.type,
        event.aggregate,
        event.aggregate_id,
        event.version,
        event.payload,
        event.actor,
        event.request_id,
        event.occurred_at,
    )
