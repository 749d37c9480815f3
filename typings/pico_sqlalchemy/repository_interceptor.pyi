from collections.abc import Callable, Mapping
from typing import Any, ClassVar

from pico_ioc import MethodCtx, MethodInterceptor
from sqlalchemy.ext.asyncio import AsyncSession

from .paging import PageRequest
from .session import SessionManager

def _extract_page_request(params: dict[str, Any], paged: bool) -> PageRequest | None: ...

class RepositoryQueryInterceptor(MethodInterceptor):
    _pico_meta: ClassVar[dict[str, Any]]
    session_manager: SessionManager
    def __init__(self, session_manager: SessionManager) -> None: ...
    async def invoke(self, ctx: MethodCtx, call_next: Callable[[MethodCtx], Any]) -> Any: ...
    def _bind_params(
        self, func: Callable[..., Any], args: tuple[Any, ...], kwargs: Mapping[str, Any]
    ) -> dict[str, Any]: ...
    async def _execute_sql(self, session: AsyncSession, meta: dict[str, Any], params: dict[str, Any]) -> Any: ...
    async def _execute_expr(
        self, session: AsyncSession, meta: dict[str, Any], params: dict[str, Any], entity: Any
    ) -> Any: ...
    def _build_base_sql(self, entity: Any, expr: str | None) -> str: ...
