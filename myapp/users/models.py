"""The table ``users``."""

import uuid
from datetime import datetime
from typing import Any

from pico_sqlalchemy import AppBase, Mapped, mapped_column
from sqlalchemy import Boolean, CheckConstraint, Index, Integer, String, UniqueConstraint, Uuid, text
from sqlalchemy.orm import validates

from ..platform.context.claims import MAX_EMAIL, MAX_NAME, MAX_SUBJECT
from ..platform.database.columns import sortable
from ..platform.database.types import UtcDateTime, as_created, utc_now
from ..platform.fold import MAX_SORT_KEY, fold, sort_key
from ..platform.text import fold_case

UNFOLDED = "UNFOLDED"
"""``search_fold`` of a user whose name an older release has written. A fold has no capital letters."""
IS_UNFOLDED = f"search_fold = '{UNFOLDED}'"


def default_search_text(context: Any) -> str:
    row = context.get_current_parameters()
    return search_text_of(row["email"], row["name"])


def search_text_of(email: str | None, name: str | None) -> str:
    """Return the text in which an older release searches."""
    return fold_case(f"{email or ''}\n{name or ''}")


def default_search_fold(context: Any) -> str:
    row = context.get_current_parameters()
    return search_fold_of(row["email"], row["name"])


def search_fold_of(email: str | None, name: str | None) -> str:
    """Return the text that a search looks in. Words have no line break, so none matches across the two lines."""
    return f"{fold(email or '')}\n{fold(name or '')}"


def default_email_sort(context: Any) -> str | None:
    return sort_key_of(context.get_current_parameters()["email"])


def default_name_sort(context: Any) -> str | None:
    return sort_key_of(context.get_current_parameters()["name"])


def sort_key_of(text: str | None) -> str | None:
    return None if text is None else sort_key(text)


SortKey = String(MAX_SORT_KEY).with_variant(String(MAX_SORT_KEY, collation="C"), "postgresql")


class User(AppBase):
    """``subject`` is the claim ``sub`` of the user's tokens. ``version`` counts the updates that changed a value.

    Searches look in ``search_fold``. An older release looks in ``search_text``; the release after next removes it.
    """

    __tablename__ = "users"
    __table_args__ = (
        UniqueConstraint("subject", name="uq_users_subject", info={"field": "subject"}),
        CheckConstraint("length(subject) >= 1", name="ck_users_subject_length", info={"field": "subject"}),
        Index("ix_users_created_at", "created_at", "id"),
        Index("ix_users_unfolded", "id", sqlite_where=text(IS_UNFOLDED), postgresql_where=text(IS_UNFOLDED)),
    )

    id: Mapped[uuid.UUID] = mapped_column(Uuid, primary_key=True, default=uuid.uuid4, info=sortable())
    subject: Mapped[str] = mapped_column(String(MAX_SUBJECT), nullable=False, info=sortable())
    email: Mapped[str | None] = mapped_column(String(MAX_EMAIL), nullable=True, info=sortable(by="email_sort"))
    name: Mapped[str | None] = mapped_column(String(MAX_NAME), nullable=True, info=sortable(by="name_sort"))
    phone: Mapped[str | None] = mapped_column(String(20), nullable=True)
    search_text: Mapped[str] = mapped_column(String(1100), nullable=False, default=default_search_text)
    search_fold: Mapped[str] = mapped_column(
        String(6400), nullable=False, default=default_search_fold, server_default=UNFOLDED
    )
    email_sort: Mapped[str | None] = mapped_column(SortKey, nullable=True, default=default_email_sort)
    name_sort: Mapped[str | None] = mapped_column(SortKey, nullable=True, default=default_name_sort)
    is_active: Mapped[bool] = mapped_column(Boolean, nullable=False, default=True)
    version: Mapped[int] = mapped_column(Integer, nullable=False, default=1)
    created_at: Mapped[datetime] = mapped_column(UtcDateTime, nullable=False, default=utc_now, info=sortable())
    updated_at: Mapped[datetime] = mapped_column(UtcDateTime, nullable=False, default=as_created, onupdate=utc_now)

    __mapper_args__: dict[str, Any] = {"version_id_col": version}  # noqa: RUF012 - SQLAlchemy's declaration

    @validates("name")
    def _update_search_text(self, _key: str, name: str | None) -> str | None:
        if self.name != name:
            self.search_text = search_text_of(self.email, name)
            folded = search_fold_of(self.email, name)
            # A blank at its end, or none, tells the trigger that this is not release 1.0.
            self.search_fold = f"{folded} " if self.search_fold == folded else folded
            self.name_sort = sort_key_of(name)
        return name
