"""The table ``reports``."""

import secrets
import uuid
from datetime import datetime
from typing import Literal

from pico_sqlalchemy import AppBase, Mapped, mapped_column
from sqlalchemy import BigInteger, Boolean, CheckConstraint, Index, Integer, LargeBinary, String, Uuid, text

from ..platform.context.claims import MAX_EMAIL, MAX_SUBJECT
from ..platform.database.columns import sortable
from ..platform.database.rights import RIGHTS
from ..platform.database.types import UtcDateTime, as_created, sql_one_of, utc_now

ReportFormat = Literal["pdf", "csv", "xlsx"]
ReportState = Literal["queued", "running", "done", "failed", "cancelled", "expired"]

MAX_ERROR = 500
"""The longest stored reason of a failure, in characters."""

AWAITED = text("lease_until IS NOT NULL")
DONE = text("state = 'done'")


def new_link_key() -> bytes:
    return secrets.token_bytes(32)


class Report(AppBase):
    """A report and the state of its making. ``version`` counts the changes that a client can see.

    Until ``lease_until``, another process is expected to begin the report, to make it, or to delete its file after it
    failed or was cancelled. When that time has passed, a sweep takes over; None means that nothing is left to do.
    ``attempts`` counts the claims and identifies them: a process that claimed attempt 2 cannot finish attempt 3.
    """

    __tablename__ = "reports"
    __table_args__ = (
        CheckConstraint(sql_one_of("format", ReportFormat), name="ck_reports_format", info={"field": "format"}),
        CheckConstraint(sql_one_of("state", ReportState), name="ck_reports_state"),
        CheckConstraint("progress BETWEEN 0 AND 100", name="ck_reports_progress"),
        CheckConstraint("period_start < period_end", name="ck_reports_period", info={"field": "from"}),
        Index("ix_reports_owner", "owner", "created_at", "id"),
        Index("ix_reports_created_at", "created_at", "id"),
        Index("ix_reports_lease_until", "lease_until", sqlite_where=AWAITED, postgresql_where=AWAITED),
        Index("ix_reports_expires_at", "expires_at", sqlite_where=DONE, postgresql_where=DONE),
        {"info": {RIGHTS: ("SELECT", "INSERT", "UPDATE")}},
    )

    id: Mapped[uuid.UUID] = mapped_column(Uuid, primary_key=True, default=uuid.uuid4)
    kind: Mapped[str] = mapped_column(String(32), nullable=False, info=sortable())
    format: Mapped[str] = mapped_column(String(8), nullable=False)
    owner: Mapped[str] = mapped_column(String(MAX_SUBJECT), nullable=False)
    email: Mapped[str | None] = mapped_column(String(MAX_EMAIL), nullable=True)
    period_start: Mapped[datetime | None] = mapped_column(UtcDateTime, nullable=True)
    period_end: Mapped[datetime | None] = mapped_column(UtcDateTime, nullable=True)
    inline: Mapped[bool] = mapped_column(Boolean, nullable=False)
    state: Mapped[str] = mapped_column(String(16), nullable=False, default="queued", info=sortable())
    progress: Mapped[int] = mapped_column(Integer, nullable=False, default=0)
    rows: Mapped[int] = mapped_column(Integer, nullable=False, default=0)
    size: Mapped[int | None] = mapped_column(BigInteger, nullable=True)
    error: Mapped[str | None] = mapped_column(String(MAX_ERROR), nullable=True)
    attempts: Mapped[int] = mapped_column(Integer, nullable=False, default=0)
    lease_until: Mapped[datetime | None] = mapped_column(UtcDateTime, nullable=True)
    link_key: Mapped[bytes] = mapped_column(LargeBinary, nullable=False, default=new_link_key)
    version: Mapped[int] = mapped_column(Integer, nullable=False, default=1)
    created_at: Mapped[datetime] = mapped_column(UtcDateTime, nullable=False, default=utc_now, info=sortable())
    updated_at: Mapped[datetime] = mapped_column(UtcDateTime, nullable=False, default=as_created, onupdate=utc_now)
    started_at: Mapped[datetime | None] = mapped_column(UtcDateTime, nullable=True)
    finished_at: Mapped[datetime | None] = mapped_column(UtcDateTime, nullable=True)
    expires_at: Mapped[datetime | None] = mapped_column(UtcDateTime, nullable=True)

    @property
    def waiting_since(self) -> datetime | None:
        """The time since which it is queued. A report is not updated while it is queued."""
        return self.updated_at if self.state == "queued" else None

    @property
    def detail(self) -> str | None:
        """What a queued report waits for. It depends on the row only: it must not change within a version."""
        if self.state != "queued":
            return None
        since = f"since {self.updated_at:%Y-%m-%d %H:%M:%S} UTC"
        if self.attempts:
            return f"Attempt {self.attempts} had a temporary fault. The report waits for the next attempt {since}."
        if self.inline:
            return f"The report waits {since} for the process that took the request. If that ends, a worker makes it."
        return f"The report waits {since} for a worker. If that is long ago, perhaps no worker is running."
