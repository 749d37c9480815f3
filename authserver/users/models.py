"""The table ``users``."""

import uuid
from datetime import datetime

from pico_sqlalchemy import Mapped, mapped_column
from sqlalchemy import JSON, Boolean, CheckConstraint, String, UniqueConstraint, Uuid
from sqlalchemy.orm import validates

from myapp.platform.database.types import UtcDateTime, utc_now
from myapp.platform.text import fold_case

from ..schema import AuthBase


class User(AuthBase):
    """``id`` is the subject of the user's tokens and never changes. A login searches ``username_folded``."""

    __tablename__ = "users"
    __table_args__ = (
        UniqueConstraint("username_folded", name="uq_users_username_folded"),
        CheckConstraint("length(username) >= 1", name="ck_users_username_length"),
        CheckConstraint("CAST(roles AS VARCHAR) NOT LIKE '%:%'", name="ck_users_roles_without_colon"),
    )

    id: Mapped[uuid.UUID] = mapped_column(Uuid, primary_key=True, default=uuid.uuid4)
    username: Mapped[str] = mapped_column(String(100), nullable=False)
    username_folded: Mapped[str] = mapped_column(String(300), nullable=False)
    email: Mapped[str] = mapped_column(String(254), nullable=False)
    name: Mapped[str] = mapped_column(String(100), nullable=False)
    roles: Mapped[list[str]] = mapped_column(JSON, nullable=False)
    password_hash: Mapped[str] = mapped_column(String(255), nullable=False)
    active: Mapped[bool] = mapped_column(Boolean, nullable=False, default=True)
    created_at: Mapped[datetime] = mapped_column(UtcDateTime, nullable=False, default=utc_now)
    updated_at: Mapped[datetime] = mapped_column(UtcDateTime, nullable=False, default=utc_now, onupdate=utc_now)

    @validates("username")
    def _fold_username(self, _key: str, username: str) -> str:
        self.username_folded = fold_case(username)
        return username
