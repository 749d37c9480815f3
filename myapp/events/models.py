"""The tables ``events``, which is the audit trail, and ``event_deliveries``."""

from datetime import datetime
from typing import Any

from pico_sqlalchemy import AppBase, Mapped, mapped_column
from sqlalchemy import JSON, BigInteger, CheckConstraint, ForeignKey, Index, Integer, String, UniqueConstraint, text

from ..database.types import UtcDateTime, utc_now

BigId = BigInteger().with_variant(Integer, "sqlite")

PENDING = text("state = 'pending'")
DEAD = text("state = 'dead'")


class Event(AppBase):
    """Append-only. Events of one aggregate are written under its row's lock, so their ids are in the order of the
    changes; ``version`` is the aggregate's after the change."""

    __tablename__ = "events"
    __table_args__ = (
        UniqueConstraint("aggregate", "aggregate_id", "version", "type", name="uq_events_aggregate_version_type"),
        Index("ix_events_aggregate", "aggregate", "aggregate_id", "id"),
        Index("ix_events_occurred_at", "occurred_at", "id"),
        {"sqlite_autoincrement": True},
    )

    id: Mapped[int] = mapped_column(BigId, primary_key=True, autoincrement=True)
    type: Mapped[str] = mapped_column(String(64), nullable=False)
    aggregate: Mapped[str] = mapped_column(String(32), nullable=False)
    aggregate_id: Mapped[str] = mapped_column(String(36), nullable=False)
    version: Mapped[int] = mapped_column(Integer, nullable=False)
    payload: Mapped[dict[str, Any]] = mapped_column(JSON, nullable=False)
    actor: Mapped[str] = mapped_column(String(255), nullable=False)
    request_id: Mapped[str | None] = mapped_column(String(128), nullable=True)
    occurred_at: Mapped[datetime] = mapped_column(UtcDateTime, nullable=False, default=utc_now)


class EventDelivery(AppBase):
    """One event on its way to one handler.

    ``state`` is pending, delivered or dead. ``attempts`` counts the claims and tells them apart: who claimed attempt 2
    cannot mark attempt 3. A pending delivery may be claimed from ``next_at`` on, which a claim sets to its end.
    """

    __tablename__ = "event_deliveries"
    __table_args__ = (
        Index(
            "ix_event_deliveries_pending",
            "handler",
            "aggregate",
            "aggregate_id",
            "event_id",
            sqlite_where=PENDING,
            postgresql_where=PENDING,
        ),
        Index("ix_event_deliveries_due", "handler", "next_at", sqlite_where=PENDING, postgresql_where=PENDING),
        Index("ix_event_deliveries_dead", "event_id", sqlite_where=DEAD, postgresql_where=DEAD),
        CheckConstraint("state IN ('pending', 'delivered', 'dead')", name="ck_event_deliveries_state"),
    )

    event_id: Mapped[int] = mapped_column(
        BigId, ForeignKey("events.id", name="fk_event_deliveries_event_id_events"), primary_key=True
    )
    handler: Mapped[str] = mapped_column(String(64), primary_key=True)
    aggregate: Mapped[str] = mapped_column(String(32), nullable=False)
    aggregate_id: Mapped[str] = mapped_column(String(36), nullable=False)
    state: Mapped[str] = mapped_column(String(16), nullable=False, default="pending")
    attempts: Mapped[int] = mapped_column(Integer, nullable=False, default=0)
    next_at: Mapped[datetime] = mapped_column(UtcDateTime, nullable=False, default=utc_now)
    finished_at: Mapped[datetime | None] = mapped_column(UtcDateTime, nullable=True)
    error: Mapped[str | None] = mapped_column(String(500), nullable=True)
