"""The table ``users``."""

import uuid
from datetime import datetime
from typing import Any

from pico_sqlalchemy import AppBase, Mapped, mapped_column
from sqlalchemy import Boolean, CheckConstraint, Index, Integer, String, UniqueConstraint, Uuid
from sqlalchemy.orm import validates

from ..platform.context.claims import MAX_EMAIL, MAX_NAME, MAX_SUBJECT
from ..platform.database.columns import sortable
from ..platform.database.types import UtcDateTime, as_created, utc_now
from ..platform.text import fold


def default_search_text(context: Any) -> str:
    row = context.get_current_parameters()
    return search_text_of(row["email"], row["name"])


def search_text_of(email: str | None, name: str | None) -> str:
    """Return the text that a search looks in. Search texts have no line break, so none matches across the two lines."""
    return fold(f"{email or ''}\n{name or ''}")


class User(AppBase):
    """``subject`` is the claim ``sub`` of the user's tokens. ``version`` counts the updates that changed a value."""

    __tablename__ = "users"
    __table_args__ = (
        UniqueConstraint("subject", name="uq_users_subject", info={"field": "subject"}),
        CheckConstraint("length(subject) >= 1", name="ck_users_subject_length", info={"field": "subject"}),
        Index("ix_users_created_at", "created_at", "id"),
    )

    id: Mapped[uuid.UUID] = mapped_column(Uuid, primary_key=True, default=uuid.uuid4, info=sortable())
    subject: Mapped[str] = mapped_column(String(MAX_SUBJECT), nullable=False, info=sortable())
    email: Mapped[str | None] = mapped_column(String(MAX_EMAIL), nullable=True, info=sortable())
    name: Mapped[str | None] = mapped_column(String(MAX_NAME), nullable=True, info=sortable())
    phone: Mapped[str | None] = mapped_column(String(20), nullable=True)
    search_text: Mapped[str] = mapped_column(String(1100), nullable=False, default=default_search_text)
    is_active: Mapped[bool] = mapped_column(Boolean, nullable=False, default=True)
    version: Mapped[int] = mapped_column(Integer, nullable=False, default=1)
    created_at: Mapped[datetime] = mapped_column(UtcDateTime, nullable=False, default=utc_now, info=sortable())
    updated_at: Mapped[datetime] = mapped_column(UtcDateTime, nullable=False, default=as_created, onupdate=utc_now)

    __mapper_args__: dict[str, Any] = {"version_id_col": version}  # noqa: RUF012 - SQLAlchemy's declaration

    @validates("name")
    def _update_search_text(self, _key: str, name: str | None) -> str | None:
        self.search_text = search_text_of(self.email, name)
        return name
