from collections.abc import Callable
from typing import Any, ClassVar

from pico_ioc import MethodCtx, MethodInterceptor, PicoContainer

from .session import SessionManager

class TransactionalInterceptor(MethodInterceptor):
    _pico_meta: ClassVar[dict[str, Any]]
    sm: SessionManager
    container: PicoContainer
    def __init__(self, session_manager: SessionManager, container: PicoContainer) -> None: ...
    async def invoke(self, ctx: MethodCtx, call_next: Callable[[MethodCtx], Any]) -> Any: ...
