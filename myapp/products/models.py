"""The tables ``products`` and ``product_counts``."""

from collections.abc import Callable
from datetime import datetime
from decimal import Decimal
from typing import Any

from pico_sqlalchemy import AppBase, Mapped, mapped_column
from sqlalchemy import ARRAY, JSON, BigInteger, Boolean, CheckConstraint, Index, Integer, String, text
from sqlalchemy.orm import deferred

from ..platform.database.columns import BOOKKEEPING, sortable
from ..platform.database.rights import RIGHTS
from ..platform.database.rows import Record
from ..platform.database.types import Default, Money, UtcDateTime, as_created, utc_now
from ..platform.fold import MAX_FOLD, MAX_GROWTH, MAX_SORT_KEY, fold, sort_key
from ..platform.text import fold_case

MAX_SKU = 64
MAX_GTIN = 14
MAX_TAG = 40

TagList = JSON().with_variant(ARRAY(String(MAX_TAG)), "postgresql")
NO_TAGS = Default(sqlite="'[]'", postgresql="'{}'::character varying[]")
NO_ATTRIBUTES = Default(sqlite="'{}'", postgresql="'{}'::json")

HAS_SKU = text("sku_folded IS NOT NULL")
HAS_GTIN = text("gtin IS NOT NULL")

UNFOLDED = "UNFOLDED"
"""``name_search`` of a product whose name an older release has written. A fold has no capital letters."""
IS_UNFOLDED = f"name_search = '{UNFOLDED}'"
"""Not a bind parameter: an index is for products with exactly this condition."""


def code_points(length: int) -> String:
    """Return the type of a text that sorts by Unicode code points on both databases."""
    return String(length).with_variant(String(length, collation="C"), "postgresql")


def folds_of(name: str, before: str | None = None) -> dict[str, str]:
    """Return the values of the columns that are computed from ``name``. ``before`` is the ``name_search`` of the row.

    A trigger assumes that an older release has changed the name if ``name_search`` stays. A blank at its end, or none,
    makes a difference to the trigger and none to a search.
    """
    folded = fold(name)
    search = f"{folded} " if folded == before else folded
    return {"name_folded": fold_case(name), "name_search": search, "name_sort": sort_key(folded)}


def fold_of_name(column: str) -> Callable[[Any], str]:
    """Return the default of a column that is computed from the name."""
    return lambda context: folds_of(context.get_current_parameters()["name"])[column]


def fold_sku(sku: str | None) -> str | None:
    """Return the form in which SKUs are compared."""
    return None if sku is None else fold(sku)


def fold_of_sku(context: Any) -> str | None:
    """Return the default of the column that is computed from the SKU."""
    return fold_sku(context.get_current_parameters().get("sku"))


class Product(AppBase):
    """``version`` counts the updates that changed a value.

    ``name_search`` is the folded name, in which searches look. Lists by name are sorted by ``name_sort``. An older
    release searches and sorts by ``name_folded``; the release after next removes it. Reads load none of the three.

    ``sku_folded`` is the folded SKU, by which SKUs are unique and found. An index for ``tags`` is in migration 0015: it
    differs between the databases.
    """

    __tablename__ = "products"
    __table_args__ = (
        CheckConstraint("length(name) >= 2", name="ck_products_name_length", info={"field": "name"}),
        CheckConstraint("price > 0", name="ck_products_price_positive", info={"field": "price"}),
        CheckConstraint("stock >= 0", name="ck_products_stock_not_negative", info={"field": "stock"}),
        Index("ix_products_active", "id", sqlite_where=text("active"), postgresql_where=text("active")),
        # First the sort column, then the columns of common filters, so that the index alone can count the rows.
        Index("ix_products_name_folded", "name_folded", "id"),
        Index("ix_products_name_sort", "name_sort", "id"),
        Index("ix_products_unfolded", "id", sqlite_where=text(IS_UNFOLDED), postgresql_where=text(IS_UNFOLDED)),
        Index("ix_products_price", "price", "id", "active", "stock"),
        Index("ix_products_stock", "stock", "id", "active"),
        Index("ix_products_created_at", "created_at", "id"),
        Index("ix_products_updated_at", "updated_at", "id", "active"),
        # Not constraints: adding one to a table of SQLite means to build the table anew.
        Index(
            "uq_products_sku",
            "sku_folded",
            unique=True,
            sqlite_where=HAS_SKU,
            postgresql_where=HAS_SKU,
            info={"field": "sku"},
        ),
        Index("ix_products_gtin", "gtin", "id", sqlite_where=HAS_GTIN, postgresql_where=HAS_GTIN),
        {"sqlite_autoincrement": True},  # ids of deleted products are not used again
    )

    id: Mapped[int] = mapped_column(Integer, primary_key=True, autoincrement=True, info=sortable())
    name: Mapped[str] = mapped_column(String(100), nullable=False, info=sortable(by="name_sort"))
    name_folded: Mapped[str] = deferred(
        mapped_column(code_points(300), nullable=False, default=fold_of_name("name_folded"), info=BOOKKEEPING)
    )
    name_search: Mapped[str] = deferred(
        mapped_column(
            code_points(MAX_FOLD),
            nullable=False,
            default=fold_of_name("name_search"),
            server_default=UNFOLDED,
            info=BOOKKEEPING,
        )
    )
    name_sort: Mapped[str] = deferred(
        mapped_column(
            code_points(MAX_SORT_KEY),
            nullable=False,
            default=fold_of_name("name_sort"),
            server_default=text("''"),
            info=BOOKKEEPING,
        )
    )
    description: Mapped[str | None] = mapped_column(String(500), nullable=True)
    price: Mapped[Decimal] = mapped_column(Money, nullable=False, info=sortable())
    stock: Mapped[int] = mapped_column(Integer, nullable=False, default=0, info=sortable())
    active: Mapped[bool] = mapped_column(Boolean, nullable=False, default=True)
    sku: Mapped[str | None] = mapped_column(String(MAX_SKU), nullable=True)
    sku_folded: Mapped[str | None] = deferred(
        mapped_column(code_points(MAX_SKU * MAX_GROWTH), nullable=True, default=fold_of_sku, info=BOOKKEEPING)
    )
    gtin: Mapped[str | None] = mapped_column(String(MAX_GTIN), nullable=True)
    tags: Mapped[list[str]] = mapped_column(TagList, nullable=False, default=list, server_default=NO_TAGS)
    attributes: Mapped[dict[str, Any]] = mapped_column(JSON, nullable=False, default=dict, server_default=NO_ATTRIBUTES)
    version: Mapped[int] = mapped_column(Integer, nullable=False, info=BOOKKEEPING)
    created_at: Mapped[datetime] = mapped_column(
        UtcDateTime, nullable=False, default=utc_now, info=BOOKKEEPING | sortable()
    )
    updated_at: Mapped[datetime] = mapped_column(
        UtcDateTime, nullable=False, default=as_created, onupdate=utc_now, info=BOOKKEEPING | sortable()
    )

    __mapper_args__: dict[str, Any] = {"version_id_col": version}  # noqa: RUF012 - SQLAlchemy's declaration


ProductRecord = Record
"""A product as the repository returns it."""


class ProductCount(AppBase):
    """The number of products: the sum over all rows. Triggers keep it (migration 0013), so it is always exact."""

    __tablename__ = "product_counts"
    __table_args__ = ({"info": {RIGHTS: ("SELECT",)}},)

    slot: Mapped[int] = mapped_column(BigInteger, primary_key=True, autoincrement=False)
    active: Mapped[int] = mapped_column(BigInteger, nullable=False)
    inactive: Mapped[int] = mapped_column(BigInteger, nullable=False)
