"""All queries of events."""

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import fields
from datetime import datetime
from functools import lru_cache
from operator import attrgetter
from typing import Any

from pico_sqlalchemy import AppBase, Page, PageRequest, SessionManager, get_session, repository
from sqlalchemy import (
    CTE,
    JSON,
    ColumnElement,
    FromClause,
    Insert,
    Integer,
    Select,
    String,
    bindparam,
    cast,
    column,
    func,
    insert,
    select,
    true,
)

from ..database.batches import insert_rows
from ..database.queries import fetch_page
from ..database.rows import Record, RowChange, Statement
from .event import RecordedEvent
from .models import Event

EVENTS = AppBase.metadata.tables[Event.__tablename__]
TOLD = ("type", "aggregate", "aggregate_id", "version", "payload")
"""What the events of one statement do not share."""
SHARED = ("actor", "request_id", "occurred_at")

Published = CTE
"""Events that a statement of PostgreSQL writes, as whole rows."""
Queued = Insert
"""The statement that writes deliveries of ``Published``."""
Queueing = Callable[[Published], Queued]

FEW = 4
"""The most rows that are cheaper in one INSERT, which has to be built anew for each number of rows."""

FIELDS = attrgetter(*(field.name for field in fields(RecordedEvent)))


@repository
class EventRepository:
    def __init__(self, manager: SessionManager) -> None:
        self._manager = manager
        self.writes_at_once = manager.engine.dialect.name == "postgresql"
        """Whether a statement can write several tables: on SQLite, WITH cannot contain INSERT."""
        # Building a statement takes longer than executing it.
        self._recording = lru_cache(recording)
        self._recording_with = lru_cache(maxsize=256)(recording_with)

    async def change(self, change: RowChange) -> Record:
        """Make ``change`` and return the row."""
        found: Record = (await get_session(self._manager).execute(change.statement, change.values)).one()
        return found

    async def write(
        self, change: RowChange, told: Sequence[Mapping[str, Any]], shared: Mapping[str, Any], queueing: Queueing
    ) -> Record:
        """Make ``change`` and write events about its row and their deliveries, in one statement. Return the row."""
        values = {**change.values, **event_parameters(told, shared)}
        found = await get_session(self._manager).execute(self._recording_with(change.statement, queueing), values)
        row: Record = found.one()
        return row

    async def add_and_queue(
        self, told: Sequence[Mapping[str, Any]], shared: Mapping[str, Any], queueing: Queueing
    ) -> None:
        """Write events and their deliveries in one statement."""
        await get_session(self._manager).execute(self._recording(queueing), event_parameters(told, shared))

    async def add(self, rows: Sequence[dict[str, Any]]) -> Sequence[int]:
        """Insert rows on SQLite. Return the new ids, in the order of the rows."""
        session = get_session(self._manager)
        if len(rows) > FEW:
            return await insert_rows(session, Event, rows)
        # Without VALUES, SQLAlchemy 2.1 would insert row by row: it does not rely on the order of ids, which SQLite
        # gives in the order of the rows.
        several = insert(EVENTS).values(rows).returning(EVENTS.c.id)
        return sorted(await session.scalars(several))

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


def event_parameters(told: Sequence[Mapping[str, Any]], shared: Mapping[str, Any]) -> dict[str, Any]:
    """Return the parameters of the statements of ``recording``."""
    events = [{"position": position, **values} for position, values in enumerate(told)]
    return {"_events": events, **{f"_{name}": value for name, value in shared.items()}}


def to_recorded(event: Event) -> RecordedEvent:
    return RecordedEvent(*FIELDS(event))


# On PostgreSQL, one statement writes a change, the events that tell of it, and their deliveries. Otherwise each is a
# round trip of its own. All parts of a statement see the same snapshot: a part sees the new rows of another part only
# by its RETURNING.


def recording(queueing: Queueing) -> Insert:
    """Return the statement that writes events and their deliveries, in the order of ``:_events``."""
    told = told_events()
    return queueing(publication(told, told, told.c.aggregate_id))


def recording_with(change: Statement, queueing: Queueing) -> Select[Any]:
    """Return ``change`` of one row with the events about that row. It returns what ``change`` returns.

    The aggregate of the events is the first column that ``change`` returns: the id of a new row is not known before.
    """
    told, changed = told_events(), change.cte("changed")
    published = publication(told, changed.join(told, true()), cast(changed.c[0], String))
    return select(*changed.c).add_cte(queueing(published).cte("queued"))


def told_events() -> Any:
    columns = [column(name, EVENTS.c[name].type) for name in TOLD]
    told = func.json_to_recordset(bindparam("_events", type_=JSON))
    return told.table_valued(column("position", Integer), *columns).render_derived(name="told", with_types=True)


def publication(told: Any, source: FromClause, aggregate_id: ColumnElement[str]) -> CTE:
    values = {name: told.c[name] for name in TOLD} | {"aggregate_id": aggregate_id}
    values |= {name: bindparam(f"_{name}", type_=EVENTS.c[name].type) for name in SHARED}
    # PostgreSQL numbers the rows in this order.
    rows = select(*values.values()).select_from(source).order_by(told.c.position)
    return insert(EVENTS).from_select(list(values), rows, include_defaults=False).returning(*EVENTS.c).cte("published")
