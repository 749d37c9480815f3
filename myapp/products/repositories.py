"""All queries for products."""

import operator
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import lru_cache
from typing import Any

from pico_sqlalchemy import Page, PageRequest, SessionManager, Sort, get_session, query, repository
from sqlalchemy import (
    BigInteger,
    BinaryExpression,
    ColumnElement,
    ColumnExpressionArgument,
    Integer,
    Select,
    String,
    and_,
    bindparam,
    cast,
    collate,
    column,
    false,
    func,
    literal_column,
    or_,
    select,
    table,
    text,
    true,
    type_coerce,
    update,
)
from sqlalchemy.dialects.postgresql import ARRAY

from ..platform.database.batches import among, delete_rows, insert_rows, update_rows
from ..platform.database.keyset import KeysetQuery
from ..platform.database.queries import PagedQuery, fetch_records, first_rows, select_records, total_of
from ..platform.database.rows import deletion, insertion, modification
from ..platform.database.sessions import wait_for_row
from ..platform.events.fields import Fields
from ..platform.events.publisher import EventPublisher
from ..platform.fold import fold, search_words, sort_key
from ..platform.lists import MAX_INTEGER, Position, Slice, UncountedPage
from ..platform.text import fold_case, is_storable
from .events import ProductEvent
from .models import UNFOLDED, Product, ProductCount, ProductRecord, fold_sku
from .schemas import ProductFilter

RECORDS = select_records(Product)
LOCKED = RECORDS.add_columns(Product.name_search).where(Product.id == bindparam("id")).with_for_update()
AFTER_ID = RECORDS.where(Product.id > bindparam("after_id")).order_by(Product.id).limit(bindparam("limit"))

ESCAPE = "/"
ESCAPED_WILDCARDS = str.maketrans({wild: ESCAPE + wild for wild in ("%", "_", ESCAPE)})
TRIGRAM_LENGTH = 3

GTIN_LENGTHS = (8, 12, 13, 14)

MAX_WORDS = 100
"""The most words of a search that a name can have, none part of another: one begins at each character."""

NAME_INDEX = table("product_names_search", column("rowid", Integer), column("product_names_search"))
"""SQLite's index for parts of names (migration 0010): an FTS5 table. Its rowid is the id of the product."""

TAG_INDEX = table("product_tags", column("tag", String), column("product_id", Integer))
"""SQLite's index for tags (migration 0015)."""

MAX_FACETS = 100
"""The most values of a facet, those with the highest counts."""

IS_UNFOLDED = Product.name_search == literal_column(f"'{UNFOLDED}'")
"""An older release has written the name: only ``name_folded`` is right. A partial index has exactly this condition."""

NEXT_UNFOLDED = (
    select(Product.id, Product.name)
    .where(IS_UNFOLDED)
    .order_by(Product.id)
    .limit(bindparam("limit"))
    .with_for_update(skip_locked=True)
)
SET_FOLDED = (
    update(Product.__table__)  # type: ignore[arg-type]  # SQLAlchemy types it as FromClause
    .where(Product.id == bindparam("an_id"))
    .values(name_search=bindparam("search"), name_sort=bindparam("sort"), updated_at=Product.updated_at)
)

RELEASE = update(Product.__table__).values(sku_folded=None)  # type: ignore[arg-type]  # as above

CONDITIONS: dict[str, ColumnExpressionArgument[bool]] = {
    "active": Product.active,
    "nothing": false(),
    "phrase": NAME_INDEX.c.product_names_search.match(bindparam("phrase")),
    "min_price": Product.price >= bindparam("min_price"),
    "max_price": Product.price <= bindparam("max_price"),
    # Not `> 0`: SQLite assumes that a range matches a quarter of the table, and would look these rows up by the index.
    "in_stock": Product.stock != 0,
    "out_of_stock": Product.stock == 0,
    "sku": Product.sku_folded == bindparam("sku"),
    "gtin": Product.gtin.in_(bindparam("gtin", expanding=True)),
    "tags": type_coerce(Product.tags, ARRAY(String)).contains(bindparam("tags", type_=ARRAY(String))),
    "updated_since": Product.updated_at >= bindparam("updated_since"),
}
"""The conditions of lists. The key is also the name of the bind parameter, if the condition has one.

Words of a search are further conditions: ``word_0`` … of folded names, ``old_word_0`` … of names that are unfolded. On
SQLite, so are tags: ``tag_0`` …
"""

KEPT_TOTALS = {
    frozenset({"active"}): select(cast(func.sum(ProductCount.active), BigInteger)),
    frozenset(): select(cast(func.sum(ProductCount.active + ProductCount.inactive), BigInteger)),
}
"""The totals that the database keeps, by the conditions of the list. All other totals are counted."""

RANGES = {
    name
    for name, condition in CONDITIONS.items()
    if isinstance(condition, BinaryExpression) and condition.operator in (operator.ge, operator.le)
}


@dataclass(frozen=True, slots=True)
class BatchWrites:
    """What a batch writes, in this order. Ids are those of products that ``lock_named`` has returned.

    ``released`` are products whose SKU another product of the batch gets. ``updated`` has the same columns in each row.
    """

    deleted: Sequence[int]
    released: Sequence[int]
    updated: Mapping[int, Fields]
    created: Sequence[Fields]
    events: Sequence[ProductEvent]
    events_of_created: Sequence[ProductEvent]


@dataclass(frozen=True, slots=True)
class RowUpdate:
    """What an update sets in the row of ``product``, and the events of the change."""

    product: ProductRecord
    values: Fields
    events: Sequence[ProductEvent]


@repository(entity=Product)
class ProductRepository:
    def __init__(self, manager: SessionManager, publisher: EventPublisher) -> None:
        self._manager = manager
        self._publisher = publisher
        self._is_sqlite = manager.engine.dialect.name == "sqlite"
        self._has_id = among(Product.id, "ids", sqlite=self._is_sqlite)
        self._has_sku = and_(Product.sku_folded.is_not(None), among(Product.sku_folded, "skus", sqlite=self._is_sqlite))
        # Building a statement takes a fifth of the time of executing it, and most statements differ only in values.
        self._page_query = lru_cache(maxsize=256)(self._build_page)
        self._keyset_query = lru_cache(maxsize=64)(self._build_keyset)
        self._search_statement = lru_cache(maxsize=64)(self._build_search)
        self._tags_statement = lru_cache(maxsize=64)(self._build_tags)

    async def insert(self, values: Mapping[str, Any], *events: ProductEvent) -> ProductRecord:
        """Insert a new row with its events."""
        return await self._publisher.write(insertion(Product, values), *events)

    async def update(self, product: ProductRecord, values: Mapping[str, Any], *events: ProductEvent) -> ProductRecord:
        """Set ``values`` in the row of ``product``, which is locked, with the events of the change."""
        return await self._publisher.write(modification(Product, product, values), *events)

    async def delete(self, product: ProductRecord, *events: ProductEvent) -> None:
        """Delete the row of ``product``, which is locked, with the events of the change."""
        await self._publisher.write(deletion(Product, product), *events)

    @query(expr="id = :id", unique=True)
    async def find_by_id(self, id: int) -> ProductRecord | None: ...

    @query(expr="sku_folded = :folded", unique=True)
    async def find_by_folded_sku(self, folded: str) -> ProductRecord | None: ...

    async def lock_by_id(self, id: int) -> ProductRecord | None:
        """Return the product with its ``name_search``, and lock its row until the transaction ends."""
        await wait_for_row(self._manager, Product, id)
        return (await get_session(self._manager).execute(LOCKED, {"id": id})).first()

    async def lock_named(self, ids: Sequence[int], folded_skus: Sequence[str]) -> Sequence[ProductRecord]:
        """Return the products with all columns, and lock their rows until the transaction ends."""
        conditions = [self._has_id] if ids else []
        conditions += [self._has_sku] if folded_skus else []
        if not conditions:
            return []
        # In the order of the ids, so that two batches do not wait for each other.
        found = select(*Product.__table__.columns).where(or_(*conditions)).order_by(Product.id).with_for_update()
        return await fetch_records(get_session(self._manager), found, {"ids": ids, "skus": folded_skus})

    async def update_many(self, updates: Sequence[RowUpdate]) -> None:
        """Update locked rows, all in the same columns, with the events of the changes.

        It takes two statements on PostgreSQL, and one for a single row: many buyers may wait for its lock.
        """
        if len(updates) == 1:
            [one] = updates
            await self.update(one.product, one.values, *one.events)
        elif updates:
            values = {each.product.id: each.values for each in updates}
            await update_rows(get_session(self._manager), Product, values)
            told = [replace(event, aggregate_id=str(each.product.id)) for each in updates for event in each.events]
            await self._publisher.publish(*told)

    async def find_holders(self, folded_skus: Sequence[str]) -> dict[str, int]:
        """Return the ids of the products that have these SKUs, by folded SKU."""
        found = select(Product.sku_folded, Product.id).where(self._has_sku)
        rows = await get_session(self._manager).execute(found, {"skus": folded_skus})
        return {str(row.sku_folded): row.id for row in rows}

    async def write_batch(self, writes: BatchWrites) -> Sequence[int]:
        """Write a batch and its events, or nothing. Return the ids of the new products, in order.

        Each kind of write is one statement, and the events are another. Raises AlreadyExistsError for a SKU.
        """
        session = get_session(self._manager)
        async with session.begin_nested():
            if writes.deleted:
                await delete_rows(session, Product, writes.deleted)
            if writes.released:
                await session.execute(RELEASE.where(self._has_id), {"ids": writes.released})
            if writes.updated:
                await update_rows(session, Product, writes.updated)
            new_ids = await insert_rows(session, Product, writes.created) if writes.created else []
            told = zip(writes.events_of_created, new_ids, strict=True)
            await self._publisher.publish(*writes.events, *(replace(event, aggregate_id=str(id)) for event, id in told))
        return new_ids

    async def find_paged(self, filters: ProductFilter, page: PageRequest) -> Page[ProductRecord]:
        values = self._filter_values(filters)
        paged = self._page_query(frozenset(values), tuple(page.sorts))
        return await paged.fetch(get_session(self._manager), page, values)

    async def find_uncounted(self, filters: ProductFilter, page: PageRequest) -> UncountedPage:
        values = self._filter_values(filters)
        paged = self._page_query(frozenset(values), tuple(page.sorts))
        return await paged.fetch_uncounted(get_session(self._manager), page, values)

    async def find_from(
        self, position: Position | None, limit: int, filters: ProductFilter, sorts: Sequence[Sort]
    ) -> Slice:
        values = self._filter_values(filters)
        query = self._keyset_query(frozenset(values), tuple(sorts))
        return await query.fetch(get_session(self._manager), values, limit, position)

    async def count_tags(self, filters: ProductFilter) -> Sequence[tuple[str, int]]:
        """Return the most frequent tags of the products that pass ``filters``, each with its number of products."""
        values = self._filter_values(filters)
        counted = self._tags_statement(frozenset(values))
        return [(tag, number) for tag, number in (await get_session(self._manager).execute(counted, values)).all()]

    async def count(self, *, include_inactive: bool) -> int:
        """Return the number of products, as the database keeps it."""
        total = KEPT_TOTALS[frozenset() if include_inactive else frozenset({"active"})]
        return (await get_session(self._manager).scalars(total)).one()

    async def counts(self) -> dict[str, tuple[int, int]]:
        """Return the number of active products and of all, each as the database keeps it and as counted now."""
        totals = [
            total.scalar_subquery()
            for conditions, kept in KEPT_TOTALS.items()
            for total in (kept, total_of(self._filtered(conditions)))
        ]
        # One statement sees one state of the table.
        found = (await get_session(self._manager).execute(select(*totals))).one()
        return {"active": (found[0], found[1]), "all": (found[2], found[3])}

    async def recount(self) -> None:
        """Count all products, and set the numbers that the database keeps. Writers of products wait."""
        session = get_session(self._manager)
        if not self._is_sqlite:
            await session.execute(text("LOCK TABLE products IN SHARE ROW EXCLUSIVE MODE"))
        active, inactive = (func.count().filter(condition) for condition in (Product.active, ~Product.active))
        counted = (await session.execute(select(active, inactive))).one()
        await session.execute(update(ProductCount).values(active=0, inactive=0))
        first = update(ProductCount).where(ProductCount.slot == 0)
        await session.execute(first.values(active=counted[0], inactive=counted[1]))

    async def find_after(self, after_id: int, limit: int, *, include_inactive: bool) -> Sequence[ProductRecord]:
        """Return up to ``limit`` products with a higher id, sorted by id."""
        statement = AFTER_ID if include_inactive else AFTER_ID.where(Product.active)
        return await fetch_records(get_session(self._manager), statement, {"after_id": after_id, "limit": limit})

    async def has_unfolded(self) -> bool:
        """Return whether an older release has written a name that is not folded yet."""
        return await get_session(self._manager).scalar(select(Product.id).where(IS_UNFOLDED).limit(1)) is not None

    async def fold_unfolded(self, limit: int) -> int:
        """Fold up to ``limit`` unfolded names that no other transaction has locked, and return their number.

        The rest of the product stays, its version and times too.
        """
        session = get_session(self._manager)
        found = (await session.execute(NEXT_UNFOLDED, {"limit": limit})).all()
        if found:
            folded = [{"an_id": id, "search": fold(name), "sort": sort_key(name)} for id, name in found]
            await (await session.connection()).execute(SET_FOLDED, folded)
        return len(found)

    async def search_by_name(self, text: str, limit: int) -> Sequence[ProductRecord]:
        """Return active products whose name has every word of ``text``, sorted by id."""
        if not is_storable(text):
            return []
        values = {"active": True, **self._search_values(text)}
        first = self._search_statement(frozenset(values))
        return await fetch_records(get_session(self._manager), first, {**values, "_limit": limit})

    def _filter_values(self, filters: ProductFilter) -> dict[str, Any]:
        """Return the names of the conditions for ``filters``, each with the value of its parameter."""
        values = filters.model_dump(include=set(ProductFilter.model_fields))
        if not values.pop("include_inactive"):
            values["active"] = True
        if (in_stock := values.pop("in_stock", None)) is not None:
            values["in_stock" if in_stock else "out_of_stock"] = True
        if (search := values.pop("search", None)) is not None:
            values |= self._search_values(search)
        if (sku := values.get("sku")) is not None:
            values["sku"] = fold_sku(sku)
        if (gtin := values.get("gtin")) is not None:
            values["gtin"] = forms_of_gtin(gtin)
        if self._is_sqlite:
            values |= {f"tag_{n}": tag for n, tag in enumerate(values.pop("tags", ()))}
        elif "tags" in values:
            values["tags"] = list(values["tags"])
        return values

    def _search_values(self, text: str) -> dict[str, Any]:
        """Return the conditions for a name that has every word of ``text``. No character of it is a wildcard.

        SQLite does not use LIKE, which cannot compare all characters. The index finds candidates by the words of three
        characters and more, and the name itself decides.
        """
        words = search_words(text)
        old_words = set(fold_case(text).split()) if words else set()
        if max(len(words), len(old_words)) > MAX_WORDS:
            return {"nothing": True}
        values = {f"word_{n}": self._operand(word) for n, word in enumerate(words)}
        values |= {f"old_word_{n}": self._operand(word) for n, word in enumerate(sorted(old_words))}
        if self._is_sqlite and (phrases := [quoted(word) for word in words if len(word) >= TRIGRAM_LENGTH]):
            values["phrase"] = f"{' AND '.join(phrases)} OR {quoted(UNFOLDED)}"
        return values

    def _operand(self, word: str) -> str:
        return word if self._is_sqlite else f"%{word.translate(ESCAPED_WILDCARDS)}%"

    def _has_words(self, names: list[str], searched: Any) -> ColumnElement[bool]:
        """Return the condition that ``searched`` contains the words of the bind parameters ``names``."""
        if self._is_sqlite:
            return and_(*(func.instr(searched, bindparam(name)) > 0 for name in names))
        return and_(*(searched.like(bindparam(name), escape=ESCAPE) for name in names))

    def _filtered(self, conditions: frozenset[str]) -> Select[Any]:
        """Return the statement that lists, pages, totals and searches share."""
        statement = RECORDS.where(*(CONDITIONS[name] for name in sorted(conditions & CONDITIONS.keys())))
        if words := sorted(name for name in conditions if name.startswith("word_")):
            old_words = sorted(name for name in conditions if name.startswith("old_word_"))
            unfolded = and_(IS_UNFOLDED, self._has_words(old_words, Product.name_folded))
            statement = statement.where(or_(self._has_words(words, Product.name_search), unfolded))
        for name in sorted(name for name in conditions if name.startswith("tag_")):
            tagged = select(TAG_INDEX.c.product_id).where(TAG_INDEX.c.tag == bindparam(name))
            statement = statement.where(Product.id.in_(tagged))
        return statement.join(NAME_INDEX, NAME_INDEX.c.rowid == Product.id) if "phrase" in conditions else statement

    def _build_page(self, conditions: frozenset[str], sorts: tuple[Sort, ...]) -> PagedQuery:
        columns, total = self._order_columns(conditions), KEPT_TOTALS.get(conditions)
        return PagedQuery(Product, self._filtered(conditions), sorts, columns, total)

    def _build_keyset(self, conditions: frozenset[str], sorts: tuple[Sort, ...]) -> KeysetQuery:
        # Unlike a page with its total, a slice need not read all matches. So SQLite may read them in id order.
        columns = self._order_columns(conditions - RANGES)
        return KeysetQuery(Product, self._filtered(conditions), sorts, columns)

    def _build_search(self, conditions: frozenset[str]) -> Select[Any]:
        return first_rows(Product, self._filtered(conditions), columns=self._order_columns(conditions))

    def _build_tags(self, conditions: frozenset[str]) -> Select[Any]:
        elements = func.json_each(Product.tags) if self._is_sqlite else func.unnest(Product.tags)
        each = elements.table_valued(column("value", String), name="each")
        each = each if self._is_sqlite else each.render_derived()
        number = func.count().label("number")
        counted = self._filtered(conditions).join(each, true()).with_only_columns(each.c.value, number)
        by_code = each.c.value if self._is_sqlite else collate(each.c.value, "C")
        return counted.group_by(each.c.value).order_by(number.desc(), by_code).limit(MAX_FACETS)

    def _order_columns(self, conditions: frozenset[str]) -> dict[str, ColumnElement[Any]]:
        """Return the columns to sort by instead of the id where the id would make SQLite choose a bad plan.

        The FTS5 table is ordered by its own rowid only. With a range condition SQLite must use the index of the range,
        even if it has to sort afterwards; `+id` keeps it from scanning the table in id order.
        """
        columns: dict[str, ColumnElement[Any]] = {}
        if "phrase" in conditions:
            columns["id"] = NAME_INDEX.c.rowid
        elif self._is_sqlite and conditions & RANGES:
            columns["id"] = literal_column("+products.id", Integer)
        return columns


def forms_of_gtin(gtin: str) -> list[str]:
    """Return all forms of one GTIN: GS1 pads shorter ones with zeros, which keeps the check digit."""
    number = gtin.lstrip("0")
    return [number.zfill(length) for length in GTIN_LENGTHS if length >= len(number)]


def quoted(word: str) -> str:
    """Return ``word`` as a string of FTS5, in which only the quote is special."""
    return '"' + word.replace('"', '""') + '"'


def by_name(rows: Iterable[ProductRecord]) -> dict[Any, ProductRecord]:
    """Return ``rows`` by id and by folded SKU. They have all columns."""
    named: dict[Any, ProductRecord] = {}
    for row in rows:
        named[row.id] = row
        if row.sku_folded is not None:
            named[row.sku_folded] = row
    return named


def is_possible_id(id: int) -> bool:
    """Return whether ``id`` fits the column. PostgreSQL's driver raises an error for any other value."""
    return isinstance(id, int) and not isinstance(id, bool) and 1 <= id <= MAX_INTEGER
