"""Cursors: opaque, signed texts that say where in a list a client is. The service stores none.

A list that is read by cursors needs three lines: a query that inherits from its filter and from ``ScrollQuery``, the
model ``ScrollResponse`` with ``paged=True``, and ``Cursors.scroll`` around the service's method.
"""

import base64
import json
from collections.abc import Awaitable, Callable, Sequence
from decimal import Decimal
from hashlib import blake2b
from typing import Annotated, Any, Generic

from fastapi import Query
from pico_ioc import component
from pydantic import MISSING, BaseModel, BeforeValidator, Field
from pydantic_core import to_json

from ..errors import CursorMismatchError, InvalidCursorError
from ..lists import Position, Slice
from ..signing import StoredKeys, is_signature, sign
from .paging import CursorPage, ItemT, require_digits
from .query import QueryModel
from .settings import CursorSettings

MAX_CURSOR = 8192
"""The longest cursor that is read, in characters: half of what path and query may have."""

SIGNATURE_SIZE = 16
"""Bytes of a signature: enough that nobody guesses one, and short."""

STORED_KEY = "cursors"


ScrollLimit = Annotated[
    int, Field(ge=1, le=200), BeforeValidator(require_digits), Query(description="The maximum number of items.")
]
CURSOR = "`next` or `prev` of an answer. All other parameters but `limit` must be those of that answer."

ReadFrom = Callable[[Position | None], Awaitable[Slice]]
"""Returns the items from a position on, or from the beginning of the list."""


class ScrollQuery(QueryModel):
    """The query parameters of a list that is read by cursors."""

    limit: ScrollLimit = 50
    cursor: str | MISSING = Field(default=MISSING, description=CURSOR)


class ScrollResponse(BaseModel, Generic[ItemT]):
    """Some items of a list. ``next`` and ``prev`` are cursors of the items after and before; null at an end."""

    items: list[ItemT]
    next: str | None = Field(examples=["BEECxGVBiHaHfPZTxPeQuls4MDIsMl0"])
    prev: str | None = Field(examples=["CEECxGVBiHaHfPZTxPeQuls4MDEsMV0"])

    @classmethod
    def model_parametrized_name(cls, params: tuple[Any, ...]) -> str:
        return f"{params[0].__name__.removesuffix('Response')}Scroll"


@component
class Cursors:
    """Makes and reads cursors. A cursor is valid for the list that it was made for, and in all processes.

    ``content`` is anything that JSON can write. Clients can read it but not change it.
    """

    def __init__(self, settings: CursorSettings, stored: StoredKeys) -> None:
        self._keys = [key.encode() for key in settings.keys]
        self._stored = stored

    async def scroll(self, list_name: str, query: ScrollQuery, read: ReadFrom) -> CursorPage:
        """Return the items that ``read`` returns for the position of the query's cursor, with new cursors.

        Raises InvalidCursorError, and CursorMismatchError if the cursor was made for other parameters of the list.
        """
        parameters, list_name = fingerprints(query), f"scroll {list_name}"
        position = None
        if query.cursor is not MISSING:
            values, backward, inclusive, expected = await self.decode(list_name, query.cursor)
            if differing := [name for name in parameters | expected if parameters.get(name) != expected.get(name)]:
                raise CursorMismatchError(differing)
            position = Position(tuple(values), backward, inclusive)
        found = await read(position)
        following, previous = [
            await self.encode(list_name, [place.values, place.backward, place.inclusive, parameters]) if place else None
            for place in (found.next, found.prev)
        ]
        return CursorPage(found.items, following, previous)

    async def encode(self, list_name: str, content: Any) -> str:
        text = json.dumps(content, ensure_ascii=False, separators=(",", ":")).encode()
        signature = sign((await self._valid_keys())[0], signed(list_name, text), SIGNATURE_SIZE)
        return to_base64(signature + text)

    async def decode(self, list_name: str, cursor: str, parameter: str = "cursor") -> Any:
        """Return the content of a cursor, which was sent as ``parameter``.

        Raises InvalidCursorError unless ``encode`` made it for this list.
        """
        data = from_base64(cursor) if len(cursor) <= MAX_CURSOR else b""
        signature, text = data[:SIGNATURE_SIZE], data[SIGNATURE_SIZE:]
        if not is_signature(signature, signed(list_name, text), await self._valid_keys(), SIGNATURE_SIZE):
            raise InvalidCursorError(parameter)
        return json.loads(text)

    async def _valid_keys(self) -> Sequence[bytes]:
        """Return the keys that are accepted. The first one signs."""
        return self._keys or [await self._stored.key(STORED_KEY)]


def fingerprints(query: ScrollQuery) -> dict[str, str]:
    """Return a short hash of each parameter that says which list it is: all but those of ``ScrollQuery`` itself.

    Defaults are left out: cursors stay valid when a release adds a parameter.
    """
    fields = {name: field for name, field in type(query).model_fields.items() if name not in ScrollQuery.model_fields}
    values = {name: getattr(query, name) for name in fields}
    return {name: fingerprint(value) for name, value in values.items() if value != fields[name].default}


def fingerprint(value: Any) -> str:
    """Return the same for equal values: 10 and 10.00 are equal amounts."""
    text = str(value.normalize()).encode() if isinstance(value, Decimal) else to_json(value)
    return to_base64(blake2b(text, digest_size=6).digest())


def signed(list_name: str, text: bytes) -> bytes:
    """Return what is signed. It has the name of the list: no cursor is valid for two lists."""
    return f"{list_name}\0".encode() + text


def to_base64(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).decode().rstrip("=")


def from_base64(text: str) -> bytes:
    """Return the bytes that ``to_base64`` made ``text`` of, or no bytes if it did not."""
    try:
        data = base64.b64decode(text + "=" * (-len(text) % 4), altchars=b"-_", validate=True)
    except ValueError:
        return b""
    return data if to_base64(data) == text else b""  # base64 has several forms of the same bytes
