"""Numbered lists: which page, in which order."""

from collections.abc import Sequence

from pico_sqlalchemy import PageRequest, Sort
from pydantic_core import PydanticCustomError

MAX_PAGE_REQUEST = 2_147_483_647
"""The largest number of a page, and the largest size, that the databases reckon with."""


def page_request(page: int, page_size: int, order: Sequence[Sort] = ()) -> PageRequest:
    """Return the request of one page for a repository; ``page`` 1 is the first, where pico-sqlalchemy counts from 0.

    Every order of a repository ends with the primary key. Raises ValueError for a page that cannot be.
    """
    if not (1 <= page <= MAX_PAGE_REQUEST and 1 <= page_size <= MAX_PAGE_REQUEST):
        raise ValueError("page and page_size must be at least 1")
    return PageRequest(page=page - 1, size=page_size, sorts=list(order))


def parse_order(text: str) -> tuple[Sort, ...]:
    """Return the order that ``text`` says: ``-price,name`` is by price, the highest first, then by name.

    Raises PydanticCustomError for a field that is given twice.
    """
    order = [Sort(name.removeprefix("-"), "DESC" if name.startswith("-") else "ASC") for name in text.split(",")]
    if len({sort.field for sort in order}) < len(order):
        raise PydanticCustomError("sort_repeated", "No field should be given twice")
    return tuple(order)
