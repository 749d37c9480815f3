# The decorators return what they decorate, unchanged; upstream leaves that untyped.
from collections.abc import Callable, Iterable
from typing import Any, Literal, TypeVar, overload

_C = TypeVar("_C", bound=type[Any])
_F = TypeVar("_F", bound=Callable[..., Any] | staticmethod[..., Any] | classmethod[Any, ..., Any])

class Qualifier(str): ...

@overload
def component(cls: _C, /) -> _C: ...
@overload
def component(
    *,
    name: Any = ...,
    qualifiers: Iterable[str] = ...,
    scope: str = ...,
    primary: bool = ...,
    lazy: bool = ...,
    conditional_profiles: Iterable[str] = ...,
    conditional_require_env: Iterable[str] = ...,
    conditional_predicate: Callable[[], bool] | None = ...,
    on_missing_selector: object = ...,
    on_missing_priority: int = ...,
) -> Callable[[_C], _C]: ...
@overload
def factory(cls: _C, /) -> _C: ...
@overload
def factory(
    *,
    name: Any = ...,
    qualifiers: Iterable[str] = ...,
    scope: str = ...,
    primary: bool = ...,
    lazy: bool = ...,
    conditional_profiles: Iterable[str] = ...,
    conditional_require_env: Iterable[str] = ...,
    conditional_predicate: Callable[[], bool] | None = ...,
    on_missing_selector: object = ...,
    on_missing_priority: int = ...,
) -> Callable[[_C], _C]: ...

# A class is a key; only a plain function is what `@provides` without arguments decorates.
@overload
def provides(
    key: type[Any] | str,
    /,
    *,
    name: str | None = ...,
    qualifiers: Iterable[str] = ...,
    scope: str = ...,
    primary: bool = ...,
    lazy: bool = ...,
    conditional_profiles: Iterable[str] = ...,
    conditional_require_env: Iterable[str] = ...,
    conditional_predicate: Callable[[], bool] | None = ...,
    on_missing_selector: object = ...,
    on_missing_priority: int = ...,
) -> Callable[[_F], _F]: ...
@overload
def provides(func: _F, /) -> _F: ...
@overload
def provides(
    *,
    name: str | None = ...,
    qualifiers: Iterable[str] = ...,
    scope: str = ...,
    primary: bool = ...,
    lazy: bool = ...,
    conditional_profiles: Iterable[str] = ...,
    conditional_require_env: Iterable[str] = ...,
    conditional_predicate: Callable[[], bool] | None = ...,
    on_missing_selector: object = ...,
    on_missing_priority: int = ...,
) -> Callable[[_F], _F]: ...
def configure(fn: _F) -> _F: ...
def cleanup(fn: _F) -> _F: ...
def configured(
    target: Any = ...,
    *,
    prefix: str = ...,
    mapping: Literal["auto", "flat", "tree"] = ...,
    qualifiers: Iterable[str] = ...,
    scope: str = ...,
    primary: bool = ...,
    lazy: bool = ...,
    conditional_profiles: Iterable[str] = ...,
    conditional_require_env: Iterable[str] = ...,
    conditional_predicate: Callable[[], bool] | None = ...,
    on_missing_selector: object = ...,
    on_missing_priority: int = ...,
) -> Callable[[_C], _C]: ...
