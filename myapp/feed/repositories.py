"""All queries of the feed."""

from collections.abc import Iterator
from dataclasses import fields
from typing import Any

from pico_sqlalchemy import AppBase, SessionManager, get_session, repository
from sqlalchemy import (
    ColumnElement,
    Integer,
    Select,
    and_,
    bindparam,
    false,
    func,
    literal,
    or_,
    select,
    true,
    tuple_,
    update,
)

from ..platform.database.rows import changed_count
from ..platform.database.transaction_ids import next_transaction, oldest_open_transaction
from ..platform.errors import FeedUnavailableError
from ..platform.events.event import RecordedEvent
from ..platform.events.models import BigId, Event
from .positions import START, Batch, PlacedEvent, Position
from .types import ALL_TYPES, WantedTypes

EVENTS = AppBase.metadata.tables[Event.__tablename__]
FIELDS = [EVENTS.c[field.name] for field in fields(RecordedEvent)]

SCANNED_ROWS = 2000
"""Events that one statement looks at to find wanted types. Their types are in the index, so it does not read them."""

AFTER = tuple_(bindparam("txid", type_=BigId), bindparam("id", type_=BigId))
PLACE = tuple_(EVENTS.c.txid, EVENTS.c.id)
LIMIT, SCANNED = bindparam("limit", type_=Integer), bindparam("scanned", type_=Integer)


@repository
class FeedRepository:
    def __init__(self, manager: SessionManager) -> None:
        self._manager = manager
        # SQLite has one writer at a time: when a reader sees an event, all events before it are there.
        self._is_settled: ColumnElement[bool] = true()
        self._is_foreign: ColumnElement[bool] = false()
        if manager.engine.dialect.name == "postgresql":
            self._is_settled = EVENTS.c.txid < oldest_open_transaction()
            newest = newest_event(EVENTS.c.txid >= next_transaction()).scalar_subquery()
            self._is_foreign = func.coalesce(newest, false())
        self._foreign = select(self._is_foreign)
        self._end = newest_event(EVENTS.c.txid, EVENTS.c.id).where(self._is_settled)
        self._reading_all = self._reading(ALL_TYPES)

    async def read(self, after: Position, wanted: WantedTypes, limit: int) -> Batch | None:
        """Return up to ``limit`` of the wanted events behind ``after``, or None if no event is at ``after``.

        Raises FeedUnavailableError if events are from another server.
        """
        scanned = limit if wanted.are_all else max(limit, SCANNED_ROWS)
        statement = self._reading_all if wanted.are_all else self._reading(wanted)
        values = {"txid": after.txid, "id": after.id, "limit": limit, "scanned": scanned}
        rows = (await get_session(self._manager).execute(statement, values)).all()
        *_, is_known, is_foreign, end_txid, end_id, count = rows[0]
        if is_foreign:
            raise FeedUnavailableError
        if not is_known and after != START:
            return None
        events = [placed(row) for row in rows if row[0] is not None]
        if len(events) == limit:
            return Batch(events, events[-1].position, has_more=True)
        return Batch(events, Position(end_txid, end_id) if count else after, has_more=count == scanned)

    async def end(self) -> Position:
        """Return the position of the newest event that can be read."""
        row = (await get_session(self._manager).execute(self._end)).first()
        return Position(*row) if row else START

    async def has_foreign(self) -> bool:
        """Return whether events are from a server whose transactions had higher ids than those of this one."""
        return bool(await get_session(self._manager).scalar(self._foreign))

    async def forget_transactions(self, limit: int) -> int:
        """Forget the transactions of up to ``limit`` events, those of foreign ones last. Return how many.

        The events are committed. They come before all later ones.
        """
        oldest = select(EVENTS.c.id).where(EVENTS.c.txid > 0).order_by(EVENTS.c.txid, EVENTS.c.id).limit(limit)
        forgetting = update(EVENTS).where(EVENTS.c.id.in_(oldest)).values(txid=0)
        result = await get_session(self._manager).execute(forgetting)
        return changed_count(result)

    def _reading(self, wanted: WantedTypes) -> Select[Any]:
        """Return a statement with a row for each event, or one row without an event.

        All parts of it see the same snapshot, so the end of the feed and the events agree.
        """
        scanned = (
            select(EVENTS.c.txid, EVENTS.c.id, EVENTS.c.type)
            .where(PLACE > AFTER, self._is_settled)
            .order_by(EVENTS.c.txid, EVENTS.c.id)
            .limit(SCANNED)
            .cte("scanned")
        )
        chosen = select(scanned.c.id).where(*conditions(wanted, scanned.c.type))
        chosen = chosen.order_by(scanned.c.txid, scanned.c.id).limit(LIMIT)
        known = select(true()).where(PLACE == AFTER)
        last = select(scanned.c.txid, scanned.c.id).order_by(scanned.c.txid.desc(), scanned.c.id.desc()).limit(1)
        facts = select(
            known.exists().label("is_known"),
            self._is_foreign.label("is_foreign"),
            last.with_only_columns(scanned.c.txid).scalar_subquery().label("end_txid"),
            last.with_only_columns(scanned.c.id).scalar_subquery().label("end_id"),
            select(func.count()).select_from(scanned).scalar_subquery().label("scanned"),
        ).subquery("facts")
        found = facts.outerjoin(EVENTS, EVENTS.c.id.in_(chosen))
        statement = select(*FIELDS, EVENTS.c.txid, *facts.c).select_from(found)
        return statement.order_by(EVENTS.c.txid, EVENTS.c.id)


def newest_event(*columns: ColumnElement[Any]) -> Select[Any]:
    return select(*columns).order_by(EVENTS.c.txid.desc(), EVENTS.c.id.desc()).limit(1)


def conditions(wanted: WantedTypes, type: ColumnElement[str]) -> Iterator[ColumnElement[bool]]:
    if wanted.names or wanted.groups:
        yield or_(type.in_(sorted(wanted.names)), *(is_of_group(type, group) for group in sorted(wanted.groups)))
    if wanted.hidden:
        yield and_(*(~is_of_group(type, group) for group in sorted(wanted.hidden)))


def is_of_group(type: ColumnElement[str], group: str) -> ColumnElement[bool]:
    prefix = f"{group}."
    return func.substr(type, 1, len(prefix)) == literal(prefix)


def placed(row: Any) -> PlacedEvent:
    event = RecordedEvent(*row[: len(FIELDS)])
    return PlacedEvent(Position(row.txid, event.id), event)
