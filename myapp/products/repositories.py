"""Every query of products."""

import operator
from collections.abc import Sequence
from functools import lru_cache
from typing import Any

from pico_sqlalchemy import Page, PageRequest, SessionManager, Sort, get_session, query, repository
from sqlalchemy import (
    BinaryExpression,
    ColumnElement,
    ColumnExpressionArgument,
    Integer,
    Select,
    bindparam,
    column,
    func,
    literal_column,
    select,
    table,
)

from ..platform.database.queries import PagedQuery, first_rows
from ..platform.text import fold, is_storable
from .models import MAX_INTEGER, Product
from .schemas import ProductFilter

BY_ID = select(Product).where(Product.id == bindparam("id"))
AFTER_ID = select(Product).where(Product.id > bindparam("after_id")).order_by(Product.id).limit(bindparam("limit"))

ESCAPE = "/"
LITERALLY = str.maketrans({wild: ESCAPE + wild for wild in ("%", "_", ESCAPE)})
TRIGRAM = 3

NAMES = table("product_names", column("rowid", Integer), column("product_names"))
"""SQLite's index for parts of names (migration 0003): an FTS5 table, whose rowid is the product's id."""

CONDITIONS: dict[str, ColumnExpressionArgument[bool]] = {
    "active": Product.active,
    "pattern": Product.name_folded.like(bindparam("pattern"), escape=ESCAPE),
    "part": func.instr(Product.name_folded, bindparam("part")) > 0,
    "phrase": NAMES.c.product_names.match(bindparam("phrase")),
    "min_price": Product.price >= bindparam("min_price"),
    "max_price": Product.price <= bindparam("max_price"),
    "in_stock": Product.stock != 0,  # no range: SQLite would take it for a quarter of the table, and look these up
    "out_of_stock": Product.stock == 0,
    "updated_since": Product.updated_at >= bindparam("updated_since"),
}
"""What a list may ask of a product, by the name of the parameter that it has, if any."""

RANGES = {
    name
    for name, condition in CONDITIONS.items()
    if isinstance(condition, BinaryExpression) and condition.operator in (operator.ge, operator.le)
}


@repository(entity=Product)
class ProductRepository:
    def __init__(self, manager: SessionManager) -> None:
        self._manager = manager
        self._is_sqlite = manager.engine.dialect.name == "sqlite"
        # Building a statement costs a fifth of what executing it does; few differ in more than values.
        self._page_of = lru_cache(maxsize=256)(self._build_page)
        self._first_of = lru_cache(maxsize=4)(self._build_first)

    async def save(self, product: Product) -> Product:
        session = get_session(self._manager)
        session.add(product)
        await session.flush()
        return product

    async def delete(self, product: Product) -> None:
        session = get_session(self._manager)
        await session.delete(product)
        await session.flush()

    @query(expr="id = :id", unique=True)
    async def find_by_id(self, id: int) -> Product | None: ...

    async def lock_by_id(self, id: int) -> Product | None:
        """The product, which nobody else can change until the transaction ends."""
        found = await get_session(self._manager).scalars(BY_ID.with_for_update(), {"id": id})
        return found.first()

    async def find_paged(self, filters: ProductFilter, page: PageRequest) -> Page[Product]:
        values = self._values(filters)
        paged = self._page_of(frozenset(values), tuple(page.sorts))
        return await paged.fetch(get_session(self._manager), page, values)

    async def count(self, at_most: int | None, *, include_inactive: bool) -> int:
        """How many products there are; no more than ``at_most`` are looked at."""
        ids = select(Product.id) if include_inactive else select(Product.id).where(Product.active)
        counted = select(func.count()).select_from(ids.limit(at_most).subquery())
        return int(await get_session(self._manager).scalar(counted) or 0)

    async def find_after(self, after_id: int, limit: int, *, include_inactive: bool) -> Sequence[Product]:
        """Up to ``limit`` products with a higher id, in id order."""
        statement = AFTER_ID if include_inactive else AFTER_ID.where(Product.active)
        found = await get_session(self._manager).scalars(statement, {"after_id": after_id, "limit": limit})
        return found.all()

    async def search_by_name(self, text: str, limit: int) -> Sequence[Product]:
        """Active products with ``text`` anywhere in the name, in id order; case does not count."""
        if not is_storable(text):
            return []
        values = {"active": True, **self._values_of_search(text)}
        first = self._first_of(frozenset(values))
        return (await get_session(self._manager).scalars(first, {**values, "_limit": limit})).all()

    def _values(self, filters: ProductFilter) -> dict[str, Any]:
        """Return the conditions that ``filters`` make, each with the value of its parameter."""
        values = filters.model_dump(include=set(ProductFilter.model_fields))
        if not values.pop("include_inactive"):
            values["active"] = True
        if (in_stock := values.pop("in_stock", None)) is not None:
            values["in_stock" if in_stock else "out_of_stock"] = True
        if (search := values.pop("search", None)) is not None:
            values |= self._values_of_search(search)
        return values

    def _values_of_search(self, text: str) -> dict[str, str]:
        """Every character means itself. On SQLite, whose LIKE does not know all of them, the index finds names that may
        have a text of three letters and more, and the name decides."""
        folded = fold(text)
        if not self._is_sqlite:
            return {"pattern": f"%{folded.translate(LITERALLY)}%"}
        phrase = '"' + folded.replace('"', '""') + '"'
        return {"part": folded, "phrase": phrase} if len(folded) >= TRIGRAM else {"part": folded}

    def _filtered(self, conditions: frozenset[str]) -> Select[Product]:
        """The statement under every list, page, total and search."""
        statement = select(Product).where(*(CONDITIONS[name] for name in sorted(conditions)))
        return statement.join(NAMES, NAMES.c.rowid == Product.id) if "phrase" in conditions else statement

    def _build_page(self, conditions: frozenset[str], sorts: tuple[Sort, ...]) -> PagedQuery:
        return PagedQuery(Product, self._filtered(conditions), sorts, self._columns(conditions))

    def _build_first(self, conditions: frozenset[str]) -> Select[Product]:
        return first_rows(Product, self._filtered(conditions), columns=self._columns(conditions))

    def _columns(self, conditions: frozenset[str]) -> dict[str, ColumnElement[Any]]:
        """Return columns to sort by instead of the id, where SQLite would choose its index by the order of ids.

        FTS5 has only ids of its own in order. With a range SQLite must look for the range, even if it then has to sort.
        """
        columns: dict[str, ColumnElement[Any]] = {}
        if "phrase" in conditions:
            columns["id"] = NAMES.c.rowid
        elif self._is_sqlite and conditions & RANGES:
            columns["id"] = literal_column("+products.id", Integer)
        return columns


def is_possible_id(id: int) -> bool:
    """Whether the column could hold ``id``; PostgreSQL's driver refuses others with an error."""
    return isinstance(id, int) and not isinstance(id, bool) and 1 <= id <= MAX_INTEGER
