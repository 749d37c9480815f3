from collections.abc import Callable
from typing import Any, Literal, TypedDict, TypeVar, overload

_C = TypeVar("_C", bound=type[Any])
_F = TypeVar("_F", bound=Callable[..., Any])

class RouteInfo(TypedDict):
    method: str
    path: str
    kwargs: dict[str, Any]

PICO_ROUTE_KEY: Literal["_pico_route_info"]
PICO_CONTROLLER_META: Literal["_pico_controller_meta"]
IS_CONTROLLER_ATTR: Literal["_pico_is_controller"]

@overload
def controller(cls: _C, /) -> _C: ...
@overload
def controller(*, scope: str = ..., **kwargs: Any) -> Callable[[_C], _C]: ...
def get(path: str, **kwargs: Any) -> Callable[[_F], _F]: ...
def post(path: str, **kwargs: Any) -> Callable[[_F], _F]: ...
def put(path: str, **kwargs: Any) -> Callable[[_F], _F]: ...
def patch(path: str, **kwargs: Any) -> Callable[[_F], _F]: ...
def delete(path: str, **kwargs: Any) -> Callable[[_F], _F]: ...
