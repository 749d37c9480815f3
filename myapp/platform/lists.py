"""Lists: the requested page or place, and the order."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, TypeVar

from pico_sqlalchemy import Page, PageRequest, Sort
from pydantic_core import PydanticCustomError

MAX_INTEGER = 2_147_483_647
"""The largest id, version, stock, page and page size that columns hold and databases compute with."""


Counts = Sequence[tuple[str, int]]
"""Values of a field, each with the number of items that have it. The most frequent one comes first."""

ItemT = TypeVar("ItemT")


@dataclass(frozen=True)
class FacetedPage(Page[ItemT]):
    """A page with the counts of the whole list, by field."""

    facets: Mapping[str, Counts]


def page_request(page: int, page_size: int, order: Sequence[Sort] = ()) -> PageRequest:
    """Return the request of one page for a repository. ``page`` 1 is the first; pico-sqlalchemy counts from 0.

    Repositories add the primary key to every order. Raises ValueError for a number that is out of range.
    """
    if not (1 <= page <= MAX_INTEGER and 1 <= page_size <= MAX_INTEGER):
        raise ValueError(f"page and page_size must be between 1 and {MAX_INTEGER}")
    return PageRequest(page=page - 1, size=page_size, sorts=list(order))


def parse_order(text: str) -> tuple[Sort, ...]:
    """Return the order that ``text`` describes: ``-price,name`` is by descending price, then by name.

    Raises PydanticCustomError for a repeated field.
    """
    order = [Sort(name.removeprefix("-"), "DESC" if name.startswith("-") else "ASC") for name in text.split(",")]
    if len({sort.field for sort in order}) < len(order):
        raise PydanticCustomError("sort_repeated", "No field should be repeated")
    return tuple(order)


@dataclass(frozen=True)
class Position:
    """A place in a sorted list, beside an item whose sort values are ``values``, in a form that JSON can write.

    The items from there are those after it, or those before it if ``backward``. With ``inclusive``, an item at the
    place itself is one of them.
    """

    values: tuple[Any, ...]
    backward: bool = False
    inclusive: bool = False


@dataclass(frozen=True)
class Slice:
    """Items of a list in their order, and from where to read on in both directions; None at an end of the list."""

    items: Sequence[Any]
    next: Position | None
    prev: Position | None


@dataclass(frozen=True)
class UncountedPage:
    """One page of a list whose total nobody has counted. ``page`` 0 is the first, as in pico-sqlalchemy."""

    content: Sequence[Any]
    page: int
    size: int
    has_next: bool
    facets: Mapping[str, Counts] = field(default_factory=dict)
