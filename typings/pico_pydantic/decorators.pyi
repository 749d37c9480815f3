from collections.abc import Callable, Mapping
from typing import Any, Concatenate, Literal, ParamSpec, TypeVar, overload

from pydantic import BaseModel

_F = TypeVar("_F", bound=Callable[..., Any])
_M = TypeVar("_M", bound=BaseModel)
_P = ParamSpec("_P")
_R = TypeVar("_R")
_S = TypeVar("_S")
_T = TypeVar("_T")

VALIDATE_META: Literal["_pico_pydantic_validate_meta"]

class ValidationFailedError(ValueError):
    method_name: str
    pydantic_error: Exception
    def __init__(self, method_name: str, pydantic_error: Exception) -> None: ...

# A model that is a method's first or second argument, given by position, may also be a mapping of its fields.
@overload
def validate(  # type: ignore[overload-overlap]
    func: Callable[Concatenate[_S, _M, _P], _R],
) -> Callable[Concatenate[_S, _M | Mapping[str, Any], _P], _R]: ...
@overload
def validate(
    func: Callable[Concatenate[_S, _T, _M, _P], _R],
) -> Callable[Concatenate[_S, _T, _M | Mapping[str, Any], _P], _R]: ...
@overload
def validate(func: _F) -> _F: ...
