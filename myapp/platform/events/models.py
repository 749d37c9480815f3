"""The table ``events``: the audit trail."""

from datetime import datetime
from typing import Any

from pico_sqlalchemy import AppBase, Mapped, mapped_column
from sqlalchemy import JSON, BigInteger, Index, Integer, String, UniqueConstraint

from ..context.claims import MAX_SUBJECT
from ..database.rights import RIGHTS
from ..database.transaction_ids import CurrentTransactionId
from ..database.types import UtcDateTime, utc_now

MAX_NAME = 64
"""Maximum characters in the name of a handler or the type of an event."""

MAX_AGGREGATE, MAX_AGGREGATE_ID = 32, 36

BigId = BigInteger().with_variant(Integer, "sqlite")


class Event(AppBase):
    """A recorded event; the table is append-only.

    Events of one aggregate are written under the lock of the aggregate's row, so their ids are in the order of the
    changes. ``version`` is the version of the aggregate after the change. ``txid`` is the transaction that wrote the
    event; the database sets it. It is 0 on SQLite, and for events that are older than this column.
    """

    __tablename__ = "events"
    __table_args__ = (
        UniqueConstraint("aggregate", "aggregate_id", "version", "type", name="uq_events_aggregate_version_type"),
        Index("ix_events_aggregate", "aggregate", "aggregate_id", "id"),
        Index("ix_events_occurred_at", "occurred_at", "id"),
        Index("ix_events_feed", "txid", "id", "type"),
        {"sqlite_autoincrement": True, "info": {RIGHTS: ("SELECT", "INSERT")}},
    )

    id: Mapped[int] = mapped_column(BigId, primary_key=True, autoincrement=True)
    type: Mapped[str] = mapped_column(String(MAX_NAME), nullable=False)
    aggregate: Mapped[str] = mapped_column(String(MAX_AGGREGATE), nullable=False)
    aggregate_id: Mapped[str] = mapped_column(String(MAX_AGGREGATE_ID), nullable=False)
    version: Mapped[int] = mapped_column(Integer, nullable=False)
    payload: Mapped[dict[str, Any]] = mapped_column(JSON, nullable=False)
    actor: Mapped[str] = mapped_column(String(MAX_SUBJECT), nullable=False)
    request_id: Mapped[str | None] = mapped_column(String(128), nullable=True)
    occurred_at: Mapped[datetime] = mapped_column(UtcDateTime, nullable=False, default=utc_now)
    txid: Mapped[int] = mapped_column(
        BigInteger, nullable=False, server_default=CurrentTransactionId(), deferred=True, deferred_raiseload=True
    )
