"""Lists over HTTP: numbered pages, and streams of any length in constant memory."""

from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from typing import Annotated, Any

from fastapi import Query, Response
from fastapi.responses import StreamingResponse
from pydantic import BeforeValidator, Field, TypeAdapter
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
