"""Lists over HTTP: numbered pages, and streams of any length in constant memory."""

from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Annotated, Any, Generic, TypeVar
from urllib.parse import parse_qsl, quote, urlencode

from fastapi import Query, Request, Response
from fastapi.responses import StreamingResponse
from pico_sqlalchemy import Page
from pydantic import MISSING, BaseModel, BeforeValidator, Field, GetPydanticSchema, TypeAdapter
from pydantic_core import PydanticCustomError, core_schema

from ..lists import Counts, FacetedPage, UncountedPage, parse_order
from .query import QueryModel
from .serialization import members_of, to_json


def require_digits(value: Any) -> Any:
    """Refuse text that is not all digits: pydantic would also accept ``1_0``, ``+1``, ``1.0`` and blanks."""
    if isinstance(value, str) and not (value.isascii() and value.isdigit() and len(value) < 19):
        raise PydanticCustomError("int_parsing", "Input should be a whole number in digits")
    return value


MAX_PAGE = 1_000_000

# OpenAPI shows the bounds only if they come before the validator.
PageNumber = Annotated[
    int, Field(ge=1, le=MAX_PAGE), BeforeValidator(require_digits), Query(description="The first page is 1.")
]
PageSize = Annotated[int, Field(ge=1, le=100), BeforeValidator(require_digits), Query()]
Limit = Annotated[
    int, Field(ge=1, le=100), BeforeValidator(require_digits), Query(description="The maximum number of items.")
]

ItemT = TypeVar("ItemT")


class PageResponse(BaseModel, Generic[ItemT]):
    """One page of a list. ``total`` is exact; ``pages`` is the number of the last page, 0 for an empty list."""

    items: list[ItemT]
    total: int = Field(examples=[1])
    page: int = Field(examples=[1])
    page_size: int = Field(examples=[10])
    pages: int = Field(examples=[1])

    @classmethod
    def model_parametrized_name(cls, params: tuple[Any, ...]) -> str:
        return f"{params[0].__name__.removesuffix('Response')}Page"


class OptionalTotalPageResponse(BaseModel, Generic[ItemT]):
    """One page of a list. ``total`` and ``pages`` are null if the client did not ask for them."""

    items: list[ItemT]
    total: int | None = Field(examples=[1])
    page: int = Field(examples=[1])
    page_size: int = Field(examples=[10])
    pages: int | None = Field(examples=[1])

    @classmethod
    def model_parametrized_name(cls, params: tuple[Any, ...]) -> str:
        return PageResponse.model_parametrized_name(params)


@dataclass(frozen=True)
class CursorPage:
    """Some items of a list, and the cursors of those after and before them; None at an end of the list."""

    items: Sequence[Any]
    next: str | None
    prev: str | None


class FacetValue(BaseModel):
    """A value, and the number of items in the whole list that have it."""

    value: str
    count: int


class FacetedPageResponse(OptionalTotalPageResponse[ItemT]):
    """One page of a list. ``facets``, if asked for, count values in all pages, the most frequent ones first."""

    facets: dict[str, list[FacetValue]] | MISSING = MISSING


AnyPage = Page[Any] | UncountedPage | CursorPage


class PageQuery(QueryModel):
    """The query parameters of a numbered list."""

    page: PageNumber = 1
    page_size: PageSize = 10


def sort_order(*fields: str) -> GetPydanticSchema:
    """Return the schema of a query parameter such as ``-price,name``: ``Annotated[Any, sort_order("price", "name")]``.

    A client names one or more of ``fields``, each ascending or, with ``-``, descending. The method gets a tuple of
    ``Sort``. A default that is a text must be validated too: ``Field(default="-price", validate_default=True)``.
    """
    one = f"-?({'|'.join(fields)})"
    text = core_schema.str_schema(pattern=f"^{one}(,{one})*$")
    schema = core_schema.no_info_after_validator_function(parse_order, text)
    return GetPydanticSchema(lambda *_: schema)


def page_content(page: AnyPage) -> dict[str, Any]:
    """Return the members of the answer. pico-sqlalchemy counts pages from 0, clients count from 1."""
    if isinstance(page, CursorPage):
        return {"items": members_of(page.items), "next": page.next, "prev": page.prev}
    total, pages = (page.total_elements, last_page(page)) if isinstance(page, Page) else (None, None)
    content = {
        "items": members_of(page.content),
        "total": total,
        "page": page.page + 1,
        "page_size": page.size,
        "pages": pages,
    }
    if isinstance(page, FacetedPage | UncountedPage) and page.facets:
        content["facets"] = {field: facet_values(counts) for field, counts in page.facets.items()}
    return content


def facet_values(counts: Counts) -> list[dict[str, Any]]:
    return [{"value": value, "count": count} for value, count in counts]


def last_page(page: Page[Any]) -> int:
    return -(-page.total_elements // page.size)


def page_links(request: Request, page: AnyPage) -> str:
    """Return the value of the ``Link`` header (RFC 8288): first and last page, and the neighbours that exist."""
    name = "cursor" if isinstance(page, CursorPage) else "page"
    root = request.scope["root_path"]
    path = quote(root + request.scope["path"].removeprefix(root))
    asked = parse_qsl(request.scope["query_string"].decode("latin-1"), keep_blank_values=True)
    others = [parameter for parameter in asked if parameter[0] != name]
    queries = ((relation, [*others, (name, target)] if target else others) for relation, target in linked_pages(page))
    return ", ".join(
        f'<{path}{"?" if query else ""}{urlencode(query)}>; rel="{relation}"' for relation, query in queries
    )


def linked_pages(page: AnyPage) -> Iterator[tuple[str, Any]]:
    """Yield the relation and the number, or the cursor, of each page that ``page`` links to. The first needs no cursor.

    An empty list has a first page too. A page beyond ``MAX_PAGE`` cannot be requested, so it is not linked.
    """
    match page:
        case CursorPage():
            yield "first", None
            yield from (link for link in (("prev", page.prev), ("next", page.next)) if link[1])
        case UncountedPage():
            yield "first", 1
            if page.page > 0:
                yield "prev", page.page
            if page.has_next and page.page + 1 < MAX_PAGE:
                yield "next", page.page + 2
        case Page():
            current, last = page.page + 1, min(max(last_page(page), 1), MAX_PAGE)
            yield "first", 1
            if current > 1:
                yield "prev", min(current - 1, last)
            if current < last:
                yield "next", current + 1
            yield "last", last


ReadBatch = Callable[[int], Awaitable[Sequence[Any]]]
"""Returns the rows after an id, in id order. Fewer rows than the batch size, or none, mean the end of the list."""


async def stream_list(
    adapter: TypeAdapter[list[Any]], batch_after: ReadBatch, batch_size: int, context: Any = None
) -> Response:
    """Return all rows as a JSON array that is read batch by batch. Validators of ``adapter`` can read ``context``.

    The first batch is read before the answer begins, so its errors become problems. After a later error the server
    closes the connection; the client has then received an incomplete array, which is not valid JSON.
    """
    first = await batch_after(0)
    if len(first) < batch_size:
        return Response(to_json(adapter, first, context), media_type="application/json")

    async def chunks() -> AsyncIterator[bytes]:
        batch = first
        opening = b"["
        while batch:
            yield opening + to_json(adapter, batch, context)[1:-1]
            opening = b","
            batch = await batch_after(batch[-1].id) if len(batch) == batch_size else []
        yield b"]"

    return StreamingResponse(chunks(), media_type="application/json")
