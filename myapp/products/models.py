"""The table ``products``."""

from datetime import datetime
from decimal import Decimal
from typing import Any

from pico_sqlalchemy import AppBase, Mapped, mapped_column
from sqlalchemy import Boolean, CheckConstraint, Index, Integer, String, text
from sqlalchemy.orm import validates

from ..database.types import Money, UtcDateTime, utc_now
from ..text import fold

MAX_INTEGER = 2_147_483_647
"""The largest id, stock and version that the columns hold."""


def as_created(context: Any) -> datetime:
    moment: datetime = context.get_current_parameters()["created_at"]
    return moment


class Product(AppBase):
    """``version`` counts the updates that changed something; ``name_folded`` is what search looks at."""

    __tablename__ = "products"
    __table_args__ = (
        CheckConstraint("length(name) >= 2", name="ck_products_name_length", info={"field": "name"}),
        CheckConstraint("price > 0", name="ck_products_price_positive", info={"field": "price"}),
        CheckConstraint("stock >= 0", name="ck_products_stock_not_negative", info={"field": "stock"}),
        Index("ix_products_active", "id", sqlite_where=text("active"), postgresql_where=text("active")),
        {"sqlite_autoincrement": True},  # the id of a deleted product is never used again
    )

    id: Mapped[int] = mapped_column(Integer, primary_key=True, autoincrement=True)
    name: Mapped[str] = mapped_column(String(100), nullable=False)
    name_folded: Mapped[str] = mapped_column(String(300), nullable=False)
    description: Mapped[str | None] = mapped_column(String(500), nullable=True)
    price: Mapped[Decimal] = mapped_column(Money, nullable=False)
    stock: Mapped[int] = mapped_column(Integer, nullable=False, default=0)
    active: Mapped[bool] = mapped_column(Boolean, nullable=False, default=True)
    version: Mapped[int] = mapped_column(Integer, nullable=False)
    created_at: Mapped[datetime] = mapped_column(UtcDateTime, nullable=False, default=utc_now)
    updated_at: Mapped[datetime] = mapped_column(UtcDateTime, nullable=False, default=as_created, onupdate=utc_now)

    __mapper_args__: dict[str, Any] = {"version_id_col": version}  # noqa: RUF012 - SQLAlchemy's declaration

    @validates("name")
    def _fold_name(self, _key: str, name: str) -> str:
        self.name_folded = fold(name)
        return name
