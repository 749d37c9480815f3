"""The table ``signing_keys``."""

from datetime import datetime

from pico_sqlalchemy import AppBase, Mapped, mapped_column
from sqlalchemy import LargeBinary, String

from .rights import RIGHTS
from .types import UtcDateTime, utc_now


class SigningKey(AppBase):
    """A secret of this installation. Whoever reads it can forge what is signed with it."""

    __tablename__ = "signing_keys"
    __table_args__ = ({"info": {RIGHTS: ("SELECT", "INSERT")}},)

    name: Mapped[str] = mapped_column(String(32), primary_key=True)
    key: Mapped[bytes] = mapped_column(LargeBinary, nullable=False)
    created_at: Mapped[datetime] = mapped_column(UtcDateTime, nullable=False, default=utc_now)
