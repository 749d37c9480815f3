"""The table ``event_deliveries``."""

from datetime import datetime

from pico_sqlalchemy import AppBase, Mapped, mapped_column
from sqlalchemy import JSON, CheckConstraint, ForeignKey, Index, Integer, String, text
from sqlalchemy.orm import relationship

from ..database.types import UtcDateTime, sql_one_of, utc_now
from ..events.models import MAX_AGGREGATE, MAX_AGGREGATE_ID, MAX_NAME, BigId, Event
from .states import DeliveryState

MAX_ERROR = 500
"""Characters of an error that are stored."""


def index_of(state: str, name: str, *columns: str) -> Index:
    where = text(f"state = '{state}'")
    return Index(name, *columns, sqlite_where=where, postgresql_where=where)


SOURCE_MARK = ":"
"""The character that names of a ``HandlerSource`` contain, and no other names of handlers."""
OF_SOURCE = f"handler LIKE '%{SOURCE_MARK}%'"
"""Not a bind parameter: an index is for deliveries with exactly this condition."""


class EventDelivery(AppBase):
    """The delivery of one event to one handler.

    ``attempts`` counts the claims and identifies the current one: a relay that claimed attempt 2 cannot mark attempt 3.
    A relay may claim a pending delivery from ``next_at`` on. A claim sets ``next_at`` to the end of its lease, a
    failure to the time of the next attempt. A relay also postpones it while an earlier event of the aggregate is
    pending. ``progress`` is what a failed attempt has finished nevertheless.
    """

    __tablename__ = "event_deliveries"
    __table_args__ = (
        index_of("pending", "ix_event_deliveries_pending", "handler", "aggregate", "aggregate_id", "event_id"),
        index_of("pending", "ix_event_deliveries_due", "handler", "next_at", "event_id"),
        index_of("delivered", "ix_event_deliveries_delivered", "finished_at"),
        index_of("dead", "ix_event_deliveries_dead", "event_id"),
        Index(
            "ix_event_deliveries_of_source",
            "handler",
            "event_id",
            sqlite_where=text(OF_SOURCE),
            postgresql_where=text(OF_SOURCE),
        ),
        CheckConstraint(sql_one_of("state", DeliveryState), name="ck_event_deliveries_state"),
    )

    event_id: Mapped[int] = mapped_column(
        BigId, ForeignKey("events.id", name="fk_event_deliveries_event_id_events"), primary_key=True
    )
    handler: Mapped[str] = mapped_column(String(MAX_NAME), primary_key=True)
    aggregate: Mapped[str] = mapped_column(String(MAX_AGGREGATE), nullable=False)
    aggregate_id: Mapped[str] = mapped_column(String(MAX_AGGREGATE_ID), nullable=False)
    state: Mapped[str] = mapped_column(String(16), nullable=False, default="pending")
    attempts: Mapped[int] = mapped_column(Integer, nullable=False, default=0)
    next_at: Mapped[datetime] = mapped_column(UtcDateTime, nullable=False, default=utc_now)
    finished_at: Mapped[datetime | None] = mapped_column(UtcDateTime, nullable=True)
    error: Mapped[str | None] = mapped_column(String(MAX_ERROR), nullable=True)
    progress: Mapped[dict[str, str | None] | None] = mapped_column(JSON(none_as_null=True), nullable=True)
    event: Mapped[Event] = relationship(lazy="raise")

    @property
    def type(self) -> str:
        return self.event.type

    @property
    def occurred_at(self) -> datetime:
        return self.event.occurred_at
