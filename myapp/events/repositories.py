"""Every query of events and their deliveries."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from pico_sqlalchemy import Page, PageRequest, SessionManager, get_session, repository
from sqlalchemy import (
    ColumnElement,
    Integer,
    bindparam,
    delete,
    exists,
    insert,
    literal,
    literal_column,
    select,
    union_all,
    update,
)
from sqlalchemy.orm import aliased

from ..database.queries import fetch_page
from ..database.types import UtcDateTime
from .handlers import RecordedEvent
from .models import Event, EventDelivery

EARLIER = aliased(EventDelivery)
NOW = bindparam("now", type_=UtcDateTime)

INSERT_EVENT = insert(Event).returning(Event.id)
INSERT_DELIVERY = insert(EventDelivery)


def is_pending(delivery: Any) -> ColumnElement[bool]:
    """Written out, not bound: the partial indexes have the same text."""
    pending: ColumnElement[bool] = delivery.state == literal_column("'pending'")
    return pending


FIRST_OF_ITS_AGGREGATE = ~exists().where(
    EARLIER.handler == EventDelivery.handler,
    EARLIER.aggregate == EventDelivery.aggregate,
    EARLIER.aggregate_id == EventDelivery.aggregate_id,
    EARLIER.event_id < EventDelivery.event_id,
    is_pending(EARLIER),
)

# What another relay is claiming is passed over (SQLite knows no such lock and needs none: one transaction writes).
CLAIMABLE = (
    select(EventDelivery.event_id)
    .where(
        EventDelivery.handler == bindparam("name"),
        EventDelivery.next_at <= NOW,
        is_pending(EventDelivery),
        FIRST_OF_ITS_AGGREGATE,
    )
    .order_by(EventDelivery.event_id)
    .limit(bindparam("limit", type_=Integer))
    .with_for_update(skip_locked=True)
    .cte("claimable")
)
CLAIM = (
    update(EventDelivery)
    .where(
        EventDelivery.handler == bindparam("name"),
        EventDelivery.event_id.in_(select(CLAIMABLE.c.event_id)),
        EventDelivery.next_at <= NOW,
        is_pending(EventDelivery),
    )
    .values(attempts=EventDelivery.attempts + 1, next_at=bindparam("until", type_=UtcDateTime))
    .returning(EventDelivery.event_id, EventDelivery.attempts)
)


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

    async def find_of(self, aggregate: str, aggregate_id: str, page: PageRequest) -> Page[Event]:
        """The events of one aggregate, oldest first."""
        statement = select(Event).where(Event.aggregate == aggregate, Event.aggregate_id == aggregate_id)
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


@repository
class DeliveryRepository:
    def __init__(self, manager: SessionManager) -> None:
        self._manager = manager

    async def find_due(self, handlers: Sequence[str], now: datetime) -> Sequence[str]:
        """Those of ``handlers`` for which something is due."""
        due = exists().where(EventDelivery.next_at <= NOW, is_pending(EventDelivery))
        statement = union_all(
            *(select(literal(name)).where(due.where(EventDelivery.handler == name)) for name in handlers)
        )
        return (await get_session(self._manager).scalars(statement, {"now": now})).all()

    async def claim(
        self, handler: str, limit: int, now: datetime, until: datetime
    ) -> Sequence[tuple[RecordedEvent, int]]:
        """Up to ``limit`` events whose delivery nobody else may make before ``until``, in id order, each with the
        number of its attempt; of each aggregate the first that is pending, or none."""
        session = get_session(self._manager)
        values = {"name": handler, "limit": limit, "now": now, "until": until}
        attempts = {row.event_id: row.attempts for row in await session.execute(CLAIM, values)}
        if not attempts:
            return []
        events = await session.scalars(select(Event).where(Event.id.in_(attempts)).order_by(Event.id))
        return [(recorded(event), attempts[event.id]) for event in events]

    async def finish(self, handler: str, event_id: int, attempt: int, **values: Any) -> bool:
        """Set ``values``, unless another attempt has been made or the delivery is not pending any more."""
        statement = (
            update(EventDelivery)
            .where(
                EventDelivery.event_id == event_id,
                EventDelivery.handler == handler,
                EventDelivery.attempts == attempt,
                is_pending(EventDelivery),
            )
            .values(**values)
        )
        return bool((await get_session(self._manager).execute(statement)).rowcount)  # type: ignore[attr-defined]

    async def delete_delivered(self, before: datetime, limit: int) -> int:
        """Forget up to ``limit`` deliveries that were made before."""
        old = (
            select(EventDelivery.event_id, EventDelivery.handler)
            .where(EventDelivery.state == "delivered", EventDelivery.finished_at < before)
            .order_by(EventDelivery.event_id)
            .limit(limit)
            .subquery()
        )
        statement = delete(EventDelivery).where(
            exists().where(old.c.event_id == EventDelivery.event_id, old.c.handler == EventDelivery.handler)
        )
        return int((await get_session(self._manager).execute(statement)).rowcount)  # type: ignore[attr-defined]


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
