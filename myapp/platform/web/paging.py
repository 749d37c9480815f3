"""Lists over HTTP: numbered pages, and streams of any length in constant memory."""

from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Sequence
from typing import Annotated, Any, Generic, TypeVar
from urllib.parse import parse_qsl, quote, urlencode

from fastapi import Query, Request, Response
from fastapi.responses import StreamingResponse
from pico_sqlalchemy import Page
from pydantic import BaseModel, BeforeValidator, Field, GetPydanticSchema, TypeAdapter
from pydantic_core import PydanticCustomError, core_schema

from ..lists import parse_order
from .query import QueryModel


def plain_integer(value: Any) -> Any:
    """Only digits: pydantic would take ``1_0``, ``+1``, ``1.0`` and blanks for integers too."""
    if isinstance(value, str) and not (value.isascii() and value.isdigit() and len(value) < 19):
        raise PydanticCustomError("int_parsing", "Input should be a whole number in digits")
    return value


MAX_PAGE = 1_000_000

# The bounds stand before the validator, or the OpenAPI document would not know them.
PageNumber = Annotated[
    int, Field(ge=1, le=MAX_PAGE), BeforeValidator(plain_integer), Query(description="1 is the first.")
]
PageSize = Annotated[int, Field(ge=1, le=100), BeforeValidator(plain_integer), Query()]
Limit = Annotated[
    int, Field(ge=1, le=100), BeforeValidator(plain_integer), Query(description="Answer with so many at most.")
]

ItemT = TypeVar("ItemT")


class PageResponse(BaseModel, Generic[ItemT]):
    """``total`` is exact, ``pages`` the number of the last page, 0 where there is nothing."""

    items: list[ItemT]
    total: int
    page: int
    page_size: int
    pages: int

    @classmethod
    def model_parametrized_name(cls, params: tuple[Any, ...]) -> str:
        return f"{params[0].__name__.removesuffix('Response')}Page"


class PageQuery(QueryModel):
    """The query of a numbered list."""

    page: PageNumber = 1
    page_size: PageSize = 10


def sort_order(*fields: str) -> GetPydanticSchema:
    """Make a query parameter such as ``-price,name`` of ``Annotated[Any, sort_order("price", "name")]``.

    It takes some of ``fields``, each ascending or, with ``-``, descending. A handler gets a tuple of ``Sort``; so it
    does for a default that is a text and validated (``Field(default="-price", validate_default=True)``).
    """
    one = f"-?({'|'.join(fields)})"
    text = core_schema.str_schema(pattern=f"^{one}(,{one})*$")
    schema = core_schema.no_info_after_validator_function(parse_order, text)
    return GetPydanticSchema(lambda *_: schema)


def page_content(page: Page[Any]) -> dict[str, Any]:
    """What ``PageResponse`` is made of; ``page`` counts from 0, as pico-sqlalchemy does."""
    return {
        "items": page.content,
        "total": page.total_elements,
        "page": page.page + 1,
        "page_size": page.size,
        "pages": last_page(page),
    }


def last_page(page: Page[Any]) -> int:
    return -(-page.total_elements // page.size)


def page_links(request: Request, page: Page[Any]) -> str:
    """The value of the header ``Link`` (RFC 8288): first and last, and the neighbours that there are."""
    root = request.scope["root_path"]
    path = quote(root + request.scope["path"].removeprefix(root))
    query = parse_qsl(request.scope["query_string"].decode("latin-1"), keep_blank_values=True)
    others = [(name, value) for name, value in query if name != "page"]
    return ", ".join(
        f'<{path}?{urlencode([*others, ("page", number)])}>; rel="{relation}"'
        for relation, number in neighbours(page.page + 1, last_page(page))
    )


def neighbours(current: int, last: int) -> Iterator[tuple[str, int]]:
    """The pages that ``current`` links to: there is always a first one, and none that cannot be asked for."""
    last = min(max(last, 1), MAX_PAGE)
    yield "first", 1
    if current > 1:
        yield "prev", min(current - 1, last)
    if current < last:
        yield "next", current + 1
    yield "last", last


Batches = Callable[[int], Awaitable[Sequence[Any]]]
"""The rows after an id, in id order; fewer than asked for, or none, at the end."""


async def stream_list(adapter: TypeAdapter[list[Any]], batch_after: Batches, batch_size: int) -> Response:
    """A JSON array of all rows, read batch by batch.

    The first batch is read before the answer begins, so that its errors are answers. An error later on breaks the
    connection off: what has arrived is never a well-formed array.
    """
    first = await batch_after(0)
    if len(first) < batch_size:
        return Response(dump(adapter, first), media_type="application/json")

    async def chunks() -> AsyncIterator[bytes]:
        batch = first
        opening = b"["
        while batch:
            yield opening + dump(adapter, batch)[1:-1]
            opening = b","
            batch = await batch_after(batch[-1].id) if len(batch) == batch_size else []
        yield b"]"

    return StreamingResponse(chunks(), media_type="application/json")


def dump(adapter: TypeAdapter[list[Any]], rows: Sequence[Any]) -> bytes:
    return adapter.dump_json(adapter.validate_python(rows, from_attributes=True))
