"""Lists over HTTP: numbered pages, and streams of any length in constant memory."""

from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Sequence
from typing import Annotated, Any, Generic, TypeVar
from urllib.parse import parse_qsl, urlencode

from fastapi import Query, Request, Response
from fastapi.responses import StreamingResponse
from pico_sqlalchemy import Page, Sort
from pydantic import AfterValidator, BaseModel, BeforeValidator, Field, TypeAdapter
from pydantic_core import PydanticCustomError


def plain_integer(value: Any) -> Any:
    """Only digits: pydantic would take ``1_0``, ``+1``, ``1.0`` and blanks for integers too."""
    if isinstance(value, str) and not (value.isascii() and value.isdigit() and len(value) < 19):
        raise PydanticCustomError("int_parsing", "Input should be a whole number in digits")
    return value


# The bounds stand before the validator, or the OpenAPI document would not know them.
PageNumber = Annotated[
    int, Field(ge=1, le=1_000_000), BeforeValidator(plain_integer), Query(description="1 is the first.")
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


def sort_order(*fields: str) -> Any:
    """The type of a query parameter such as ``-price,name``: some of ``fields``, each ascending or, with ``-``,
    descending. A handler gets a tuple of ``Sort``; the repository ends every order with the primary key."""

    def parse(text: str) -> tuple[Sort, ...]:
        names = [name.removeprefix("-") for name in text.split(",")]
        if not set(names) <= set(fields):
            raise PydanticCustomError("sort_field", f"Input should be some of {choices}, each with or without -")
        if len(set(names)) < len(names):
            raise PydanticCustomError("sort_repeated", "No field may be given twice")
        return tuple(Sort(name.removeprefix("-"), "DESC" if name[0] == "-" else "ASC") for name in text.split(","))

    choices = ", ".join(fields)
    one = f"-?({'|'.join(fields)})"
    description = f"Fields in order of weight, `-` for descending, of: {choices}."
    pattern = {"pattern": f"^{one}(,{one})*$"}
    return Annotated[str, AfterValidator(parse), Query(description=description, json_schema_extra=pattern)]


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
    path = f"{request.scope['root_path']}{request.scope['path'].removeprefix(request.scope['root_path'])}"
    others = [item for item in parse_qsl(request.scope["query_string"].decode("latin-1")) if item[0] != "page"]
    return ", ".join(f'<{path}?{urlencode([*others, ("page", number)])}>; rel="{rel}"' for rel, number in numbers(page))


def numbers(page: Page[Any]) -> Iterator[tuple[str, int]]:
    current, last = page.page + 1, max(last_page(page), 1)
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
