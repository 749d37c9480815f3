from collections.abc import Sequence
from dataclasses import dataclass
from typing import Generic, TypeVar

_T = TypeVar("_T")

@dataclass(frozen=True)
class Sort:
    field: str
    direction: str = ...

@dataclass(frozen=True)
class PageRequest:
    page: int
    size: int
    sorts: list[Sort] = ...
    @property
    def offset(self) -> int: ...

@dataclass(frozen=True)
class Page(Generic[_T]):
    content: Sequence[_T]
    total_elements: int
    page: int
    size: int
    @property
    def total_pages(self) -> int: ...
    @property
    def is_first(self) -> bool: ...
    @property
    def is_last(self) -> bool: ...
