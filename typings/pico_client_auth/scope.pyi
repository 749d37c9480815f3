from collections.abc import Callable, Iterable
from typing import Any, Literal, TypeVar

_F = TypeVar("_F", bound=Callable[..., Any])

PICO_REQUIRED_SCOPES: Literal["_pico_required_scopes"]

def requires_scope(*scopes: str) -> Callable[[_F], _F]: ...
def scope_matches(granted: str, required: str) -> bool: ...
def any_scope_matches(granted_scopes: Iterable[str], required_scopes: Iterable[str]) -> bool: ...
