# Upstream types `transactional` and `repository` as a union of the two ways to call them, and loses the class.
from collections.abc import Callable
from typing import Any, Literal, Protocol, TypeVar, overload

_C = TypeVar("_C", bound=type[Any])
_F = TypeVar("_F", bound=Callable[..., Any])
_Propagation = Literal["REQUIRED", "REQUIRES_NEW", "SUPPORTS", "MANDATORY", "NOT_SUPPORTED", "NEVER"]

TRANSACTIONAL_META: Literal["_pico_sqlalchemy_transactional_meta"]
REPOSITORY_META: Literal["_pico_sqlalchemy_repository_meta"]
QUERY_META: Literal["_pico_sqlalchemy_query_meta"]

@overload
def transactional(func: _F, /) -> _F: ...
@overload
def transactional(
    *,
    propagation: _Propagation = ...,
    read_only: bool = ...,
    isolation_level: str | None = ...,
    rollback_for: tuple[type[BaseException], ...] = ...,
    no_rollback_for: tuple[type[BaseException], ...] = ...,
) -> Callable[[_F], _F]: ...

class _Query(Protocol):
    @overload
    def __call__(self, expr: str, *, paged: bool = ..., unique: bool = ...) -> Callable[[_F], _F]: ...
    @overload
    def __call__(self, *, sql: str, paged: bool = ..., unique: bool = ...) -> Callable[[_F], _F]: ...
    def sql(self, sql_text: str, *, paged: bool = ..., unique: bool = ...) -> Callable[[_F], _F]: ...

query: _Query

@overload
def repository(cls: _C, /) -> _C: ...
@overload
def repository(*, scope: str = ..., entity: type[Any] = ..., **kwargs: Any) -> Callable[[_C], _C]: ...
