"""The table ``idempotency_keys``."""

from datetime import datetime

from pico_sqlalchemy import AppBase, Mapped, mapped_column
from sqlalchemy import JSON, CheckConstraint, Index, LargeBinary, SmallInteger

from ..database.types import UtcDateTime, utc_now


class IdempotencyKey(AppBase):
    """A key that a caller has used, and the answer to its request.

    ``digest`` stands for issuer, subject and key. It has the same size for all of them, and tells nobody who they are.
    ``fingerprint`` stands for the request. The answer is empty only inside of the transaction that makes it.
    """

    __tablename__ = "idempotency_keys"
    __table_args__ = (
        Index("ix_idempotency_keys_created_at", "created_at"),
        CheckConstraint("status BETWEEN 200 AND 299", name="ck_idempotency_keys_status"),
    )

    digest: Mapped[bytes] = mapped_column(LargeBinary(32), primary_key=True)
    fingerprint: Mapped[bytes] = mapped_column(LargeBinary(32), nullable=False)
    created_at: Mapped[datetime] = mapped_column(UtcDateTime, nullable=False, default=utc_now)
    status: Mapped[int | None] = mapped_column(SmallInteger, nullable=True)
    headers: Mapped[dict[str, str] | None] = mapped_column(JSON(none_as_null=True), nullable=True)
    body: Mapped[bytes | None] = mapped_column(LargeBinary, nullable=True)
