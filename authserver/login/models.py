"""The table ``login_attempts``."""

from datetime import datetime

from pico_sqlalchemy import Mapped, mapped_column
from sqlalchemy import CheckConstraint, Index, Integer, PrimaryKeyConstraint, String

from myapp.platform.database.types import UtcDateTime, utc_now

from ..schema import AuthBase

MAX_ADDRESS = 64


class LoginAttempts(AuthBase):
    """The number of consecutive failures of one user from one address. ``updated_at`` is the time of the last one.

    Rows older than ``login.lock_seconds`` are ignored.
    """

    __tablename__ = "login_attempts"
    __table_args__ = (
        PrimaryKeyConstraint("username_folded", "address", name="pk_login_attempts"),
        CheckConstraint("failures >= 1", name="ck_login_attempts_failures_positive"),
        Index("ix_login_attempts_updated_at", "updated_at"),
    )

    username_folded: Mapped[str] = mapped_column(String(300), nullable=False)
    address: Mapped[str] = mapped_column(String(MAX_ADDRESS), nullable=False)
    failures: Mapped[int] = mapped_column(Integer, nullable=False)
    created_at: Mapped[datetime] = mapped_column(UtcDateTime, nullable=False, default=utc_now)
    updated_at: Mapped[datetime] = mapped_column(UtcDateTime, nullable=False, default=utc_now)
