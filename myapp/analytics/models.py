"""The table ``event_counts``."""

from datetime import date, datetime

from pico_sqlalchemy import AppBase, Mapped, mapped_column
from sqlalchemy import CheckConstraint, Date, Integer, String

from ..platform.database.rights import RIGHTS
from ..platform.database.types import UtcDateTime
from ..platform.events.models import MAX_NAME


class EventCount(AppBase):
    """The number of events of a type on a day (UTC). There is no row for zero."""

    __tablename__ = "event_counts"
    __table_args__ = (
        CheckConstraint("count > 0", name="ck_event_counts_count_positive", info={"field": "count"}),
        {"info": {RIGHTS: ("SELECT", "INSERT", "UPDATE")}},
    )

    day: Mapped[date] = mapped_column(Date, primary_key=True)
    type: Mapped[str] = mapped_column(String(MAX_NAME), primary_key=True)
    count: Mapped[int] = mapped_column(Integer, nullable=False)
    created_at: Mapped[datetime] = mapped_column(UtcDateTime, nullable=False)
    updated_at: Mapped[datetime] = mapped_column(UtcDateTime, nullable=False)
