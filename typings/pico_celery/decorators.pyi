from collections.abc import Awaitable, Callable
from typing import Any, TypeVar

_F = TypeVar("_F", bound=Callable[..., Awaitable[Any]])

def task(name: str, **celery_options: Any) -> Callable[[_F], _F]: ...
