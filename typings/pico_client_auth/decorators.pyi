from collections.abc import Callable
from typing import Any, Literal, TypeVar

_F = TypeVar("_F", bound=Callable[..., Any])

PICO_ALLOW_ANONYMOUS: Literal["_pico_allow_anonymous"]
PICO_REQUIRED_ROLES: Literal["_pico_required_roles"]
PICO_REQUIRED_GROUPS: Literal["_pico_required_groups"]

def allow_anonymous(fn: _F) -> _F: ...
def requires_role(*roles: str) -> Callable[[_F], _F]: ...
def requires_group(*group_ids: str) -> Callable[[_F], _F]: ...
