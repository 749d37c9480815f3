"""Declarative queries that answer with entities."""

import inspect
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any, ClassVar

from pico_ioc import MethodCtx, component
from pico_sqlalchemy import Page, PageRequest, SessionManager, Sort, get_session
from pico_sqlalchemy.decorators import QUERY_META, REPOSITORY_META
from pico_sqlalchemy.repository_interceptor import RepositoryQueryInterceptor
from sqlalchemy import ColumnElement, Integer, Select, bindparam, func, select, text
from sqlalchemy.ext.asyncio import AsyncSession


@dataclass(frozen=True)
class Plan:
    """What one ``@query(expr=...)`` means, worked out once."""

    signature: inspect.Signature
    entity: Any
    condition: Any
    unique: bool
    paged: bool
    pages: dict[tuple[Sort, ...], Select[Any]] = field(default_factory=dict)

    @cached_property
    def statement(self) -> Select[Any]:
        return select(self.entity).where(self.condition)

    @cached_property
    def total(self) -> Select[Any]:
        return total_of(self.statement)

    def page(self, sorts: Sequence[Sort]) -> Select[Any]:
        """Rows of one page, each with the exact total beside it; the primary key ends every order."""
        key = tuple(sorts)
        if key not in self.pages:
            self.pages[key] = page_of(self.entity, self.statement, sorts)
        return self.pages[key]


@component(name=RepositoryQueryInterceptor)
class EntityQueryInterceptor(RepositoryQueryInterceptor):
    """pico-sqlalchemy 0.5.3 answers ``@query(expr=...)`` with rows of raw driver values instead of entities, and
    numbers pages without a total order; ``@query(sql=...)`` is left to it."""

    _pico_meta: ClassVar[dict[str, Any]] = {}  # the base class's registration must not be written into (pico-ioc 2.5.2)

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
        """One page and the exact total, in one statement unless the page lies beyond the end."""
        page = parameters.pop("page", None)
        if not isinstance(page, PageRequest):
            raise TypeError("Paged query requires a 'page: PageRequest' parameter")
        return await execute_page(session, query.page(page.sorts), query.total, page, parameters)


async def fetch_page(session: AsyncSession, entity: Any, statement: Select[Any], page: PageRequest) -> Page[Any]:
    """One page of the entities that ``statement`` selects, and the exact number of all, in one statement unless the
    page lies beyond the end. The primary key ends every order, so that paging covers everything exactly once.

    Raises ValueError for a sort that is no column.
    """
    return await execute_page(session, page_of(entity, statement, page.sorts), total_of(statement), page, {})


async def execute_page(
    session: AsyncSession,
    rows_and_total: Select[Any],
    total: Select[Any],
    page: PageRequest,
    parameters: dict[str, Any],
) -> Page[Any]:
    values = {**parameters, "_limit": page.size, "_offset": page.offset}
    rows = (await session.execute(rows_and_total, values)).all()
    count = rows[0][1] if rows else await session.scalar(total, parameters)
    return Page([row[0] for row in rows], count, page.page, page.size)


def page_of(entity: Any, statement: Select[Any], sorts: Sequence[Sort]) -> Select[Any]:
    """The rows of one page of ``statement``, each with the exact total beside it."""
    return (
        statement.add_columns(total_of(statement).scalar_subquery())
        .order_by(*(sort_column(entity, sort) for sort in sorts), *entity.__table__.primary_key)
        .limit(bindparam("_limit", type_=Integer))
        .offset(bindparam("_offset", type_=Integer))
    )


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


def sort_column(entity: Any, sort: Sort) -> ColumnElement[Any]:
    columns = entity.__table__.columns
    if sort.field not in columns:
        raise ValueError(f"Invalid sort field: {sort.field}")
    column: ColumnElement[Any] = columns[sort.field]
    return column.desc() if sort.direction.upper() == "DESC" else column.asc()
