"""All queries of deliveries."""

from collections.abc import Callable, Collection, Mapping, Sequence
from datetime import datetime
from typing import Any

from pico_sqlalchemy import AppBase, Page, PageRequest, SessionManager, get_session, repository
from pydantic import MISSING
from sqlalchemy import (
    CTE,
    JSON,
    Boolean,
    Integer,
    String,
    bindparam,
    cast,
    column,
    delete,
    func,
    insert,
    literal,
    literal_column,
    or_,
    select,
    tuple_,
    union_all,
    update,
)
from sqlalchemy.orm import aliased, selectinload

from ..database.queries import fetch_page
from ..database.rows import changed_count
from ..database.types import Condition, UtcDateTime
from ..database.upsert import insert_into
from ..events.event import RecordedEvent
from ..events.handler import Progress
from ..events.models import Event
from ..events.repositories import Published, Queued, to_recorded
from .models import OF_SOURCE, EventDelivery
from .schemas import DeliveryFilter

EARLIER = aliased(EventDelivery)
"""An earlier delivery of the same handler and aggregate."""
DELIVERIES = AppBase.metadata.tables[EventDelivery.__tablename__]
INSERT = insert(DELIVERIES)  # faster than through the entity
UPDATE = update(EventDelivery).execution_options(synchronize_session=False)


def has_state(state: str, delivery: Any = EventDelivery) -> Condition:
    """Return the condition with a literal, not a bound value, so that it matches the text of the partial indexes."""
    condition: Condition = delivery.state == literal_column(f"'{state}'")
    return condition


IS_OF_SOURCE: Condition = literal_column(f"event_deliveries.{OF_SOURCE}", Boolean)
"""The handler is that of a source. A partial index has exactly this condition."""


def reset_values(now: datetime) -> dict[str, Any]:
    """Return the values that make a delivery pending again, with all attempts."""
    return {"state": "pending", "attempts": 0, "next_at": now, "finished_at": None, "error": None}


# After a burst of events, the planner's statistics are outdated. A subquery with an order and a limit is one index
# lookup even then. NOT EXISTS would become a join with all pending deliveries, which is quadratic; min() would read all
# of them.
FIRST_OF_AGGREGATE = (
    select(EARLIER.event_id)
    .where(
        EARLIER.handler == EventDelivery.handler,
        EARLIER.aggregate == EventDelivery.aggregate,
        EARLIER.aggregate_id == EventDelivery.aggregate_id,
        has_state("pending", EARLIER),
    )
    .order_by(EARLIER.event_id)
    .limit(1)
    .correlate(EventDelivery)
    .scalar_subquery()
)
OCCURRED_AT = select(Event.occurred_at).where(Event.id == EventDelivery.event_id).scalar_subquery()
# Skip rows that another relay has locked. SQLite has no row locks and needs none: it has one writer at a time.
DUE = (
    select(Event, EventDelivery.attempts, FIRST_OF_AGGREGATE.label("first"))
    .join(EventDelivery.event)
    .where(
        EventDelivery.handler == bindparam("handler"),
        has_state("pending"),
        EventDelivery.next_at <= bindparam("now", type_=UtcDateTime),
    )
    .order_by(EventDelivery.next_at, EventDelivery.event_id)
    .limit(bindparam("limit", type_=Integer))
    .with_for_update(of=EventDelivery, skip_locked=True)
)


def first_due_at(handler: Any) -> Any:
    """Return the time at which the first pending delivery of ``handler`` is due."""
    pending = select(EventDelivery.next_at).where(has_state("pending"), EventDelivery.handler == handler)
    return pending.order_by(EventDelivery.next_at).limit(1).scalar_subquery()


def names_from(prefix: str) -> CTE:
    """Return the names of handlers with pending deliveries that do not sort before ``prefix``, and a null at the end.

    It jumps from name to name in the index. DISTINCT would read all pending deliveries.
    """
    pending = select(EventDelivery.handler).where(has_state("pending")).order_by(EventDelivery.handler).limit(1)
    first = pending.where(EventDelivery.handler >= prefix).scalar_subquery()
    names = select(first.label("handler")).cte(f"names_{prefix.strip(':')}", recursive=True)
    following = pending.where(EventDelivery.handler > names.c.handler).scalar_subquery()
    return names.union_all(select(following).where(names.c.handler.is_not(None)))


MIN_CANDIDATES = 20
"""Minimum of due deliveries that a claim reads. Only one of each aggregate can be claimed, so it needs several."""

BATCH_SIZE = 1000
"""Rows of one INSERT."""


@repository
class DeliveryRepository:
    def __init__(self, manager: SessionManager) -> None:
        self._manager = manager

    async def add(self, rows: Sequence[dict[str, Any]]) -> None:
        await get_session(self._manager).execute(INSERT, rows)

    async def find_unneeded(self, conditions: Mapping[str, Condition]) -> Collection[str]:
        """Return the handlers whose condition is false now."""
        if not conditions:
            return ()
        met = (await get_session(self._manager).execute(select(*conditions.values()))).one()
        return {name for name, is_met in zip(conditions, met, strict=True) if not is_met}

    def queueing(
        self,
        published: Published,
        subscriptions: Callable[[], str],
        conditions: Mapping[str, Condition],
    ) -> Queued:
        """Return the statement of PostgreSQL that adds the deliveries of the events that ``published`` returns.

        ``subscriptions`` is called at each execution and returns pairs of ``type`` and ``handler`` as JSON.
        ``conditions`` are those of handlers that are not always needed.
        """
        pairs = func.json_to_recordset(cast(bindparam("_subscribed", callable_=subscriptions, type_=String), JSON))
        subscribed = pairs.table_valued(column("type", String), column("handler", String))
        subscribed = subscribed.render_derived(name="subscribed", with_types=True)
        values = {
            "event_id": published.c.id,
            "handler": subscribed.c.handler,
            "aggregate": published.c.aggregate,
            "aggregate_id": published.c.aggregate_id,
            "state": literal_column("'pending'"),
            "attempts": literal_column("0"),
            "next_at": published.c.occurred_at,
        }
        is_needed = [or_(subscribed.c.handler != name, condition) for name, condition in conditions.items()]
        rows = select(*values.values()).select_from(published.join(subscribed, subscribed.c.type == published.c.type))
        rows = rows.where(*is_needed)
        return insert(DELIVERIES).from_select(list(values), rows, include_defaults=False)

    async def find_due_handlers(self, handlers: Sequence[str], prefixes: Sequence[str], now: datetime) -> Sequence[str]:
        """Return the names that have due deliveries, of ``handlers`` and of all that begin with one of ``prefixes``."""
        due = [select(literal(name)).where(first_due_at(literal(name)) <= now) for name in handlers]
        for prefix in prefixes:
            names = names_from(prefix)
            has_prefix = func.substr(names.c.handler, 1, len(prefix)) == prefix
            due.append(select(names.c.handler).where(has_prefix, first_due_at(names.c.handler) <= now))
        return (await get_session(self._manager).scalars(union_all(*due))).all()

    async def claim(
        self, handler: str, limit: int, now: datetime, until: datetime, later: datetime
    ) -> tuple[list[tuple[RecordedEvent, int]], int]:
        """Claim up to ``limit`` due deliveries until ``until``. Return their events, each with its attempt number.

        Also postpone due deliveries that an earlier pending event of the same aggregate blocks, until ``later`` or
        until ``make_next_due``. Return the number postponed.
        """
        session = get_session(self._manager)
        parameters = {"handler": handler, "limit": max(limit, MIN_CANDIDATES), "now": now}
        due = (await session.execute(DUE, parameters)).all()
        blocked_by = {event.id: first for event, _, first in due if event.id != first}
        postponed = await self._postpone(handler, blocked_by, later) if blocked_by else 0
        claimable = [(to_recorded(event), attempts + 1) for event, attempts, first in due if event.id == first]
        if claimed := claimable[:limit]:
            ids = [event.id for event, _ in claimed]
            update_claimed = UPDATE.where(EventDelivery.handler == handler, EventDelivery.event_id.in_(ids))
            await session.execute(update_claimed.values(attempts=EventDelivery.attempts + 1, next_at=until))
        return sorted(claimed, key=lambda claim: claim[0].id), postponed

    async def _postpone(self, handler: str, blocked_by: Mapping[int, int], later: datetime) -> int:
        """Postpone deliveries until ``later``; ``blocked_by`` maps each to the earlier delivery that blocks it.

        The relay that finishes the earlier delivery makes them due again, so it must see that they are postponed. That
        is why the earlier delivery is locked until this commits. If another relay is finishing it at this moment, that
        relay has the lock, and the blocked deliveries stay due.
        """
        session = get_session(self._manager)
        earlier = select(EventDelivery.event_id).where(
            EventDelivery.handler == handler, EventDelivery.event_id.in_(set(blocked_by.values())), has_state("pending")
        )
        locked = set(await session.scalars(earlier.with_for_update(read=True, skip_locked=True)))
        waiting = [event_id for event_id, first in blocked_by.items() if first in locked]
        if waiting:
            postpone = UPDATE.where(EventDelivery.handler == handler, EventDelivery.event_id.in_(waiting))
            await session.execute(postpone.values(next_at=later))
        return len(waiting)

    async def add_missing(self, rows: Sequence[dict[str, Any]]) -> int:
        """Add deliveries. Those that exist already stay as they are. Return the number of new ones."""
        session = get_session(self._manager)
        insert_missing = insert_into(session, DELIVERIES).on_conflict_do_nothing(index_elements=["event_id", "handler"])
        added = 0
        for start in range(0, len(rows), BATCH_SIZE):
            result = await session.execute(insert_missing.values(rows[start : start + BATCH_SIZE]))
            added += changed_count(result)
        return added

    async def find_progress(self, handler: str, event_id: int) -> tuple[int, Progress]:
        """Return the number of the current attempt and the stored progress. Both are empty if there is no delivery."""
        statement = select(EventDelivery.attempts, EventDelivery.progress).where(
            EventDelivery.handler == handler, EventDelivery.event_id == event_id
        )
        found = (await get_session(self._manager).execute(statement)).one_or_none()
        return (found.attempts, found.progress or {}) if found else (0, {})

    async def set_claimed(self, handler: str, attempts: Mapping[int, int], **values: Any) -> int:
        """Set ``values`` where the attempt number is still that of the claim. Return the number of rows."""
        statement = UPDATE.where(
            EventDelivery.handler == handler,
            tuple_(EventDelivery.event_id, EventDelivery.attempts).in_(list(attempts.items())),
            has_state("pending"),
        )
        result = await get_session(self._manager).execute(statement.values(**values))
        return changed_count(result)

    async def make_next_due(self, handler: str, finished: Collection[int], now: datetime) -> int:
        """Make due the deliveries that ``finished`` blocked: the first pending one of each aggregate. Return how many.

        It becomes due at the time of its event, so that older events come first.
        """
        session = get_session(self._manager)
        following = select(FIRST_OF_AGGREGATE).where(
            EventDelivery.handler == handler, EventDelivery.event_id.in_(finished)
        )
        waiting = set(await session.scalars(following)) - {None}
        if not waiting:
            return 0
        make_due = UPDATE.where(
            EventDelivery.handler == handler,
            EventDelivery.event_id.in_(waiting),
            EventDelivery.attempts == 0,  # otherwise it is claimed, or waits for its next attempt
            EventDelivery.next_at > now,
            has_state("pending"),
        )
        return changed_count(await session.execute(make_due.values(next_at=OCCURRED_AT)))

    async def find_paged(self, filters: DeliveryFilter, page: PageRequest) -> Page[EventDelivery]:
        statement = select(EventDelivery).where(has_state(filters.state)).options(selectinload(EventDelivery.event))
        if filters.handler is not MISSING:
            statement = statement.where(EventDelivery.handler == filters.handler)
        if filters.type is not MISSING:
            statement = statement.where(EventDelivery.event.has(type=filters.type))
        return await fetch_page(get_session(self._manager), EventDelivery, statement, page)

    async def find_of_source(self, handler: str, state: str | None, page: PageRequest) -> Page[EventDelivery]:
        """Return one page of the deliveries of ``handler``, which is of a source."""
        statement = select(EventDelivery).where(IS_OF_SOURCE, EventDelivery.handler == handler)
        if state is not None:
            statement = statement.where(EventDelivery.state == state)
        statement = statement.options(selectinload(EventDelivery.event))
        return await fetch_page(get_session(self._manager), EventDelivery, statement, page)

    async def find_one(self, handler: str, event_id: int) -> EventDelivery | None:
        statement = select(EventDelivery).where(EventDelivery.handler == handler, EventDelivery.event_id == event_id)
        statement = statement.options(selectinload(EventDelivery.event)).execution_options(populate_existing=True)
        return (await get_session(self._manager).scalars(statement)).one_or_none()

    async def reset(self, handler: str, event_ids: Collection[int], states: Sequence[str], now: datetime) -> int:
        """Make deliveries in one of ``states`` pending again, with all attempts. Return how many."""
        statement = UPDATE.where(
            EventDelivery.handler == handler, EventDelivery.event_id.in_(event_ids), EventDelivery.state.in_(states)
        )
        result = await get_session(self._manager).execute(statement.values(reset_values(now)))
        return changed_count(result)

    async def delete_of_source(self, handler: str, limit: int) -> int:
        """Delete up to ``limit`` deliveries of ``handler``, which is of a source. Return how many."""
        some = select(EventDelivery.event_id).where(IS_OF_SOURCE, EventDelivery.handler == handler).limit(limit)
        statement = delete(EventDelivery).where(EventDelivery.handler == handler, EventDelivery.event_id.in_(some))
        result = await get_session(self._manager).execute(statement.execution_options(synchronize_session=False))
        return changed_count(result)

    async def find_dead_events(self, handler: str | None, limit: int) -> Sequence[int]:
        """Return up to ``limit`` ids of events with dead letters, oldest first. Without ``handler``, of any handler."""
        statement = select(EventDelivery.event_id).where(has_state("dead")).distinct()
        if handler is not None:
            statement = statement.where(EventDelivery.handler == handler)
        return (await get_session(self._manager).scalars(statement.order_by(EventDelivery.event_id).limit(limit))).all()

    async def reset_dead(self, event_ids: Collection[int], handler: str | None, now: datetime) -> Sequence[str]:
        """Make dead letters pending again, with all attempts. Return the handler of each."""
        statement = UPDATE.where(EventDelivery.event_id.in_(event_ids), has_state("dead"))
        if handler is not None:
            statement = statement.where(EventDelivery.handler == handler)
        reset = statement.values(reset_values(now)).returning(EventDelivery.handler)
        return (await get_session(self._manager).scalars(reset)).all()

    async def delete_delivered(self, before: datetime, limit: int) -> int:
        """Delete up to ``limit`` deliveries that were made before ``before``, oldest first. Return how many."""
        old = (
            select(EventDelivery.event_id, EventDelivery.handler)
            .where(has_state("delivered"), EventDelivery.finished_at < before)
            .order_by(EventDelivery.finished_at)
            .limit(limit)
        )
        statement = delete(EventDelivery).where(tuple_(EventDelivery.event_id, EventDelivery.handler).in_(old))
        result = await get_session(self._manager).execute(statement.execution_options(synchronize_session=False))
        return changed_count(result)
