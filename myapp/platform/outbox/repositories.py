"""Every query of deliveries."""

from collections.abc import Collection, Mapping, Sequence
from datetime import datetime
from typing import Any

from pico_sqlalchemy import AppBase, Page, PageRequest, SessionManager, get_session, repository
from pydantic import MISSING
from sqlalchemy import (
    ColumnElement,
    Integer,
    bindparam,
    delete,
    insert,
    literal,
    literal_column,
    select,
    tuple_,
    union_all,
    update,
)
from sqlalchemy.orm import aliased, selectinload

from ..database.queries import fetch_page
from ..database.types import UtcDateTime
from ..events.event import RecordedEvent
from ..events.models import Event
from ..events.repositories import to_recorded
from .models import EventDelivery
from .schemas import DeliveryFilter

OTHER = aliased(EventDelivery)
INSERT = insert(AppBase.metadata.tables[EventDelivery.__tablename__])  # faster than by way of the entity
UPDATE = update(EventDelivery).execution_options(synchronize_session=False)


def is_in(state: str, delivery: Any = EventDelivery) -> ColumnElement[bool]:
    """Written out, not bound: the partial indexes have the same text."""
    found: ColumnElement[bool] = delivery.state == literal_column(f"'{state}'")
    return found


# Statistics are always older than a burst. A subquery with an order and a limit is one look into an index all the same;
# NOT EXISTS becomes a join with all that is pending, which is quadratic then, and min() reads all of it.
FIRST_OF_AGGREGATE = (
    select(OTHER.event_id)
    .where(
        OTHER.handler == EventDelivery.handler,
        OTHER.aggregate == EventDelivery.aggregate,
        OTHER.aggregate_id == EventDelivery.aggregate_id,
        is_in("pending", OTHER),
    )
    .order_by(OTHER.event_id)
    .limit(1)
    .correlate(EventDelivery)
    .scalar_subquery()
)
OCCURRED_AT = select(Event.occurred_at).where(Event.id == EventDelivery.event_id).scalar_subquery()
# What another relay is looking at is passed over. SQLite knows no such lock and needs none: one transaction writes.
DUE = (
    select(Event, EventDelivery.attempts, FIRST_OF_AGGREGATE.label("first"))
    .join(EventDelivery.event)
    .where(
        EventDelivery.handler == bindparam("handler"),
        is_in("pending"),
        EventDelivery.next_at <= bindparam("now", type_=UtcDateTime),
    )
    .order_by(EventDelivery.next_at, EventDelivery.event_id)
    .limit(bindparam("limit", type_=Integer))
    .with_for_update(of=EventDelivery, skip_locked=True)
)


LOOK_AT = 20
"""Deliveries that a claim looks at, at least: of an aggregate to which much has happened only one can be claimed."""


@repository
class DeliveryRepository:
    def __init__(self, manager: SessionManager) -> None:
        self._manager = manager

    async def add(self, rows: Sequence[dict[str, Any]]) -> None:
        await get_session(self._manager).execute(INSERT, rows)

    async def find_due(self, handlers: Sequence[str], now: datetime) -> Sequence[str]:
        """Those of ``handlers`` for which something is due."""
        first = select(EventDelivery.next_at).where(is_in("pending")).order_by(EventDelivery.next_at).limit(1)
        due = (
            select(literal(name)).where(first.where(EventDelivery.handler == name).scalar_subquery() <= now)
            for name in handlers
        )
        return (await get_session(self._manager).scalars(union_all(*due))).all()

    async def claim(
        self, handler: str, limit: int, now: datetime, until: datetime, later: datetime
    ) -> tuple[list[tuple[RecordedEvent, int]], int]:
        """Of those that are due, up to ``limit`` that nobody else may deliver before ``until``: their events, each with
        the number of its attempt.

        What is due and behind an earlier one of its aggregate is put off until ``later``, or until ``wake``: how many
        were.
        """
        session = get_session(self._manager)
        looked_at = {"handler": handler, "limit": max(limit, LOOK_AT), "now": now}
        due = (await session.execute(DUE, looked_at)).all()
        behind = {event.id: first for event, _, first in due if event.id != first}
        put_off = await self._put_off(handler, behind, later) if behind else 0
        first_ones = [(to_recorded(event), attempts + 1) for event, attempts, first in due if event.id == first]
        if claimed := first_ones[:limit]:
            ids = [event.id for event, _ in claimed]
            mine = UPDATE.where(EventDelivery.handler == handler, EventDelivery.event_id.in_(ids))
            await session.execute(mine.values(attempts=EventDelivery.attempts + 1, next_at=until))
        return sorted(claimed, key=lambda claim: claim[0].id), put_off

    async def _put_off(self, handler: str, behind: Mapping[int, int], later: datetime) -> int:
        """``behind`` has the earlier delivery that each waits for. Whoever finishes that one wakes them: it is locked
        until they can be seen to sleep. If it is being finished just now, it is locked already, and they stay due."""
        session = get_session(self._manager)
        earlier = select(EventDelivery.event_id).where(
            EventDelivery.handler == handler, EventDelivery.event_id.in_(set(behind.values())), is_in("pending")
        )
        locked = set(await session.scalars(earlier.with_for_update(read=True, skip_locked=True)))
        waiting = [event_id for event_id, first in behind.items() if first in locked]
        if waiting:
            sleeping = UPDATE.where(EventDelivery.handler == handler, EventDelivery.event_id.in_(waiting))
            await session.execute(sleeping.values(next_at=later))
        return len(waiting)

    async def set_claimed(self, handler: str, attempts: Mapping[int, int], **values: Any) -> int:
        """Set ``values`` where the number of the attempt is still that of the claim; how many there were."""
        statement = UPDATE.where(
            EventDelivery.handler == handler,
            tuple_(EventDelivery.event_id, EventDelivery.attempts).in_(list(attempts.items())),
            is_in("pending"),
        )
        result = await get_session(self._manager).execute(statement.values(**values))
        return int(result.rowcount)  # type: ignore[attr-defined]

    async def wake(self, handler: str, finished: Collection[int], now: datetime) -> None:
        """Make due what was put off behind ``finished``: of each aggregate the first that is pending now. It takes its
        place by the age of its event."""
        session = get_session(self._manager)
        following = select(FIRST_OF_AGGREGATE).where(
            EventDelivery.handler == handler, EventDelivery.event_id.in_(finished)
        )
        if waiting := set(await session.scalars(following)) - {None}:
            wake = UPDATE.where(
                EventDelivery.handler == handler,
                EventDelivery.event_id.in_(waiting),
                EventDelivery.attempts
                == 0,  # or it is somebody's, or has failed and will be tried again when it is due
                EventDelivery.next_at > now,
                is_in("pending"),
            )
            await session.execute(wake.values(next_at=OCCURRED_AT))

    async def find_paged(self, filters: DeliveryFilter, page: PageRequest) -> Page[EventDelivery]:
        statement = select(EventDelivery).where(is_in(filters.state)).options(selectinload(EventDelivery.event))
        if filters.handler is not MISSING:
            statement = statement.where(EventDelivery.handler == filters.handler)
        if filters.type is not MISSING:
            statement = statement.where(EventDelivery.event.has(type=filters.type))
        return await fetch_page(get_session(self._manager), EventDelivery, statement, page)

    async def find_dead_events(self, handler: str | None, limit: int) -> Sequence[int]:
        """Up to ``limit`` ids of events that are dead letters, of ``handler`` or of any, oldest first."""
        statement = select(EventDelivery.event_id).where(is_in("dead")).distinct()
        if handler is not None:
            statement = statement.where(EventDelivery.handler == handler)
        return (await get_session(self._manager).scalars(statement.order_by(EventDelivery.event_id).limit(limit))).all()

    async def revive(self, event_ids: Collection[int], handler: str | None, now: datetime) -> Sequence[str]:
        """Begin anew with dead letters; the handler of each."""
        statement = UPDATE.where(EventDelivery.event_id.in_(event_ids), is_in("dead"))
        if handler is not None:
            statement = statement.where(EventDelivery.handler == handler)
        values = {"state": "pending", "attempts": 0, "next_at": now, "finished_at": None, "error": None}
        revived = statement.values(values).returning(EventDelivery.handler)
        return (await get_session(self._manager).scalars(revived)).all()

    async def delete_delivered(self, before: datetime, limit: int) -> int:
        """Forget up to ``limit`` deliveries that were made before; their number."""
        old = (
            select(EventDelivery.event_id, EventDelivery.handler)
            .where(is_in("delivered"), EventDelivery.finished_at < before)
            .order_by(EventDelivery.finished_at)
            .limit(limit)
        )
        statement = delete(EventDelivery).where(tuple_(EventDelivery.event_id, EventDelivery.handler).in_(old))
        result = await get_session(self._manager).execute(statement.execution_options(synchronize_session=False))
        return int(result.rowcount)  # type: ignore[attr-defined]
