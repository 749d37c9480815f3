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
        return select(func.count()).select_from(self.entity).where(self.condition)

    def page(self, sorts: Sequence[Sort]) -> Select[Any]:
        """Rows of one page, each with the exact total beside it; the primary key ends every order."""
        key = tuple(sorts)
        if key not in self.pages:
            order = [sort_column(self.entity, sort) for sort in sorts]
            self.pages[key] = (
                self.statement.add_columns(self.total.scalar_subquery())
                .order_by(*order, *self.entity.__table__.primary_key)
                .limit(bindparam("_limit", type_=Integer))
                .offset(bindparam("_offset", type_=Integer))
            )
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
        values = {**parameters, "_limit": page.size, "_offset": page.offset}
        rows = (await session.execute(query.page(page.sorts), values)).all()
        total = rows[0][1] if rows else await session.scalar(query.total, parameters)
        return Page([row[0] for row in rows], total, page.page, page.size)


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
