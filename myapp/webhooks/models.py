"""The tables ``webhooks`` and ``webhook_attempts``."""

import secrets
import uuid
from base64 import b64encode
from datetime import datetime
from typing import Any, Literal

from pico_sqlalchemy import AppBase, Mapped, mapped_column
from sqlalchemy import JSON, Boolean, CheckConstraint, ForeignKey, Index, Integer, LargeBinary, String, Uuid

from ..platform.context.claims import MAX_EMAIL, MAX_SUBJECT
from ..platform.database.columns import sortable
from ..platform.database.types import UtcDateTime, as_created, sql_one_of, utc_now
from ..platform.events.models import BigId

DisabledReason = Literal["gone", "failing"]
"""Why the service itself has disabled a webhook: its server answered 410, or failed for days."""

AttemptError = Literal[
    "name_not_found",
    "address_refused",
    "connection_failed",
    "tls_failed",
    "timeout",
    "invalid_answer",
    "unexpected_status",
]
"""Why an attempt failed. The reasons are fixed: no text of the other server is stored or shown."""

MAX_URL = 2000
KEY_BYTES = 32


def new_key() -> bytes:
    return secrets.token_bytes(KEY_BYTES)


def secret_of(key: bytes) -> str:
    """Return ``key`` in the form of Standard Webhooks."""
    return f"whsec_{b64encode(key).decode()}"


class Webhook(AppBase):
    """``version`` counts the changes that a client can see.

    ``key`` signs. ``previous_key`` signs too, until ``previous_secret_until``. ``failing_since`` is the time of the
    first failed attempt after the last success. A row with ``deleted_at`` is hidden; a sweep removes it.
    """

    __tablename__ = "webhooks"
    __table_args__ = (
        CheckConstraint(sql_one_of("disabled_reason", DisabledReason), name="ck_webhooks_disabled_reason"),
        Index("ix_webhooks_created_at", "created_at", "id"),
    )

    id: Mapped[uuid.UUID] = mapped_column(Uuid, primary_key=True, default=uuid.uuid4)
    url: Mapped[str] = mapped_column(String(MAX_URL), nullable=False)
    event_types: Mapped[list[str]] = mapped_column(JSON, nullable=False)
    enabled: Mapped[bool] = mapped_column(Boolean, nullable=False, default=True)
    disabled_reason: Mapped[str | None] = mapped_column(String(16), nullable=True)
    key: Mapped[bytes] = mapped_column(LargeBinary, nullable=False, default=new_key)
    previous_key: Mapped[bytes | None] = mapped_column(LargeBinary, nullable=True)
    previous_secret_until: Mapped[datetime | None] = mapped_column(UtcDateTime, nullable=True)
    owner: Mapped[str] = mapped_column(String(MAX_SUBJECT), nullable=False)
    email: Mapped[str | None] = mapped_column(String(MAX_EMAIL), nullable=True)
    failing_since: Mapped[datetime | None] = mapped_column(UtcDateTime, nullable=True)
    deleted_at: Mapped[datetime | None] = mapped_column(UtcDateTime, nullable=True)
    version: Mapped[int] = mapped_column(Integer, nullable=False, default=1)
    created_at: Mapped[datetime] = mapped_column(UtcDateTime, nullable=False, default=utc_now, info=sortable())
    updated_at: Mapped[datetime] = mapped_column(UtcDateTime, nullable=False, default=as_created, onupdate=utc_now)

    __mapper_args__: dict[str, Any] = {"version_id_col": version}  # noqa: RUF012 - SQLAlchemy's declaration

    @property
    def secret(self) -> str:
        return secret_of(self.key)

    def keys_at(self, moment: datetime) -> list[bytes]:
        """Return the keys that sign at ``moment``, the newest first."""
        is_rotating = self.previous_secret_until is not None and moment < self.previous_secret_until
        return [self.key, self.previous_key] if is_rotating and self.previous_key else [self.key]


class WebhookAttempt(AppBase):
    """An attempt of a delivery. ``status`` is that of the answer, if there was one. A success has no ``error``.

    ``event_id`` has no foreign key: to add one, a migration would have to lock ``events``. No event is ever deleted.
    """

    __tablename__ = "webhook_attempts"
    __table_args__ = (
        CheckConstraint(sql_one_of("error", AttemptError), name="ck_webhook_attempts_error"),
        Index("ix_webhook_attempts_delivery", "webhook_id", "event_id", "id"),
        Index("ix_webhook_attempts_attempted_at", "attempted_at"),
        {"sqlite_autoincrement": True},
    )

    id: Mapped[int] = mapped_column(BigId, primary_key=True, autoincrement=True)
    webhook_id: Mapped[uuid.UUID] = mapped_column(
        Uuid, ForeignKey("webhooks.id", name="fk_webhook_attempts_webhook_id_webhooks"), nullable=False
    )
    event_id: Mapped[int] = mapped_column(BigId, nullable=False)
    attempted_at: Mapped[datetime] = mapped_column(UtcDateTime, nullable=False)
    status: Mapped[int | None] = mapped_column(Integer, nullable=True)
    error: Mapped[str | None] = mapped_column(String(32), nullable=True)
    duration_ms: Mapped[int] = mapped_column(Integer, nullable=False)
