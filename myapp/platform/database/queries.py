"""Declarative queries that answer with entities."""

import inspect
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from types import MappingProxyType
from typing import Any

from pico_ioc import MethodCtx
from pico_sqlalchemy import Page, PageRequest, SessionManager, Sort, get_session
from pico_sqlalchemy.decorators import QUERY_META, REPOSITORY_META
from pico_sqlalchemy.repository_interceptor import RepositoryQueryInterceptor
from sqlalchemy import ColumnElement, Integer, Select, bindparam, func, select, text
from sqlalchemy.ext.asyncio import AsyncSession

from ..pico.replacing import replaces
from .columns import order_column

NO_COLUMNS: Mapping[str, ColumnElement[Any]] = MappingProxyType({})


class PagedQuery:
    """One page of the entities that a statement selects, and the exact number of all: built once, asked with any
    parameters. The primary key ends every order, so that paging covers everything exactly once.

    ``columns`` are what sorts by their names mean, where that is not the entity's column of that name.
    Raises ValueError for a sort that is no column.
    """

    def __init__(
        self,
        entity: Any,
        statement: Select[Any],
        sorts: Sequence[Sort] = (),
        columns: Mapping[str, ColumnElement[Any]] = NO_COLUMNS,
    ) -> None:
        self._total = total_of(statement)
        rows = first_rows(entity, statement, sorts, columns).offset(bindparam("_offset", type_=Integer))
        self._rows = rows.add_columns(self._total.scalar_subquery())

    async def fetch(self, session: AsyncSession, page: PageRequest, parameters: Mapping[str, Any]) -> Page[Any]:
        """In one statement, unless the page lies beyond the end."""
        values = {**parameters, "_limit": page.size, "_offset": page.offset}
        rows = (await session.execute(self._rows, values)).all()
        count = rows[0][1] if rows else await session.scalar(self._total, parameters)
        return Page([row[0] for row in rows], count, page.page, page.size)


@dataclass(frozen=True)
class Plan:
    """What one ``@query(expr=...)`` means, worked out once."""

    signature: inspect.Signature
    entity: Any
    condition: Any
    unique: bool
    paged: bool
    pages: dict[tuple[Sort, ...], PagedQuery] = field(default_factory=dict)

    @cached_property
    def statement(self) -> Select[Any]:
        return select(self.entity).where(self.condition)

    def page(self, sorts: Sequence[Sort]) -> PagedQuery:
        key = tuple(sorts)
        if key not in self.pages:
            self.pages[key] = PagedQuery(self.entity, self.statement, sorts)
        return self.pages[key]


@replaces(RepositoryQueryInterceptor)
class EntityQueryInterceptor(RepositoryQueryInterceptor):
    """pico-sqlalchemy 0.5.3 answers ``@query(expr=...)`` with rows of raw driver values instead of entities, and
    numbers pages without a total order; ``@query(sql=...)`` is left to it."""

    def __init__(self, session_manager: SessionManager) -> None:
        super().__init__(session_manager)
        self._plans: dict[tuple[type, str], Plan | None] = {}

    async def invoke(self, ctx: MethodCtx, call_next: Callable[[MethodCtx], Any]) -> Any:
        key = (ctx.cls, ctx.name)
        if key not in self._plans:
            self._plans[key] = plan(ctx.cls, ctx.name)
        query = self._plans[key]
        if query is None:
            return await super().invoke(ctx, call_next)
        bound = query.signature.bind(*ctx.args, **ctx.kwargs)
        bound.apply_defaults()
        parameters = bound.arguments
        session = get_session(self.session_manager)
        if query.paged:
            return await self._page(session, query, parameters)
        rows = await session.scalars(query.statement, parameters)
        return rows.first() if query.unique else list(rows.all())

    async def _page(self, session: Any, query: Plan, parameters: dict[str, Any]) -> Page[Any]:
        page = parameters.pop("page", None)
        if not isinstance(page, PageRequest):
            raise TypeError("Paged query requires a 'page: PageRequest' parameter")
        return await query.page(page.sorts).fetch(session, page, parameters)


async def fetch_page(session: AsyncSession, entity: Any, statement: Select[Any], page: PageRequest) -> Page[Any]:
    """One page of the entities that ``statement`` selects, as ``PagedQuery`` does, for once."""
    return await PagedQuery(entity, statement, page.sorts).fetch(session, page, {})


def first_rows(
    entity: Any,
    statement: Select[Any],
    sorts: Sequence[Sort] = (),
    columns: Mapping[str, ColumnElement[Any]] = NO_COLUMNS,
) -> Select[Any]:
    """Up to ``:_limit`` rows of ``statement`` in a total order."""
    limit = bindparam("_limit", type_=Integer)
    key = [column.name for column in entity.__table__.primary_key]
    if not sorts or sorts[0].field in key:
        # PostgreSQL takes what matches to be spread evenly over the key. Told how few rows are wanted, it may read the
        # table by its key until it has them, which is all of it where fewer match, rather than use another index.
        ordered = statement.limit(select(limit).scalar_subquery())
    else:
        ordered = statement.limit(limit)
    return ordered.order_by(*(sort_column(entity, sort, columns) for sort in total_order(sorts, key)))


def total_order(sorts: Sequence[Sort], key: Sequence[str]) -> Iterator[Sort]:
    """``sorts`` and what is left of ``key``; nothing after the whole key, which leaves nothing to decide."""
    left = set(key)
    for sort in (*sorts, *map(Sort, key)):
        if left:
            yield sort
            left.discard(sort.field)


def total_of(statement: Select[Any]) -> Select[Any]:
    """How many rows ``statement`` selects."""
    return statement.with_only_columns(func.count(), maintain_column_froms=True).correlate(None)


def plan(cls: type, name: str) -> Plan | None:
    method = getattr(cls, name)
    meta = getattr(method, QUERY_META, None)
    if meta is None or meta["mode"] != "expr":
        return None
    entity = (getattr(cls, REPOSITORY_META, None) or {}).get("entity")
    if entity is None:
        raise RuntimeError("@query with expr requires @repository(entity=...)")
    signature = inspect.signature(method)
    without_self = signature.replace(parameters=list(signature.parameters.values())[1:])
    return Plan(without_self, entity, text(meta["expr"]), meta["unique"], meta["paged"])


def sort_column(entity: Any, sort: Sort, columns: Mapping[str, ColumnElement[Any]]) -> ColumnElement[Any]:
    known = order_column(entity, sort.field)
    column: ColumnElement[Any] = columns.get(sort.field, known)
    ordered = column.desc() if sort.direction.upper() == "DESC" else column.asc()
    return ordered.nulls_last() if known.nullable else ordered  # by themselves, the databases differ in it
