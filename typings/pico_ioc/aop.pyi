from collections.abc import Callable
from typing import Any, Protocol, TypeVar

from .container import PicoContainer

_F = TypeVar("_F", bound=Callable[..., Any])

class MethodCtx:
    instance: object
    cls: type[Any]
    method: Callable[..., Any]
    name: str
    args: tuple[Any, ...]
    kwargs: dict[str, Any]
    container: PicoContainer
    local: dict[str, Any]
    request_key: Any
    def __init__(
        self,
        *,
        instance: object,
        cls: type[Any],
        method: Callable[..., Any],
        name: str,
        args: tuple[Any, ...],
        kwargs: dict[str, Any],
        container: PicoContainer | None,
        request_key: Any = ...,
    ) -> None: ...

class MethodInterceptor(Protocol):
    def invoke(self, ctx: MethodCtx, call_next: Callable[[MethodCtx], Any]) -> Any: ...

class ContainerObserver(Protocol):
    def on_resolve(self, key: str | type[Any], took_ms: float) -> None: ...
    def on_cache_hit(self, key: str | type[Any]) -> None: ...

def dispatch_method(interceptors: list[Any], ctx: MethodCtx) -> Any: ...
def intercepted_by(*interceptor_classes: type[MethodInterceptor]) -> Callable[[_F], _F]: ...
def health(fn: _F) -> _F: ...
