"""The header ``Idempotency-Key`` (IETF draft): a client may send a write again, and it is made once.

This file reads the header. A component of the application implements the port and remembers the answers.
"""

import re
from abc import ABC, abstractmethod
from collections.abc import Awaitable, Callable
from typing import Any, Literal

from fastapi import Request, Response

from .problems import IDEMPOTENCY_KEY_REQUIRED, INVALID_IDEMPOTENCY_KEY, HttpProblem

KEY_HEADER = "Idempotency-Key"
REPLAYED_HEADER = "Idempotent-Replayed"

Idempotency = Literal["optional", "required"]
"""Whether the callers of a route may send a key, or must."""

IDEMPOTENCY_KEY: dict[str, Any] = {
    "name": KEY_HEADER,
    "in": "header",
    "schema": {"type": "string", "minLength": 1, "maxLength": 255, "pattern": "^[!#-~][!-~]*$"},
    "description": "A name for this request that the caller never uses for another one, such as a UUID. If the request"
    f" is sent again with it, the answer is that of the first time, with `{REPLAYED_HEADER}: true`.",
}

BARE_KEY = re.compile(rb"[!#-~][!-~]{0,254}")
QUOTED_KEY = re.compile(rb'"((?:[!#-\[\]-~]|\\["\\]){1,255})"')
"""A String of RFC 9651 §3.3.3 without blanks."""
ESCAPE = re.compile(rb"\\(.)")

Respond = Callable[[], Awaitable[Response]]


class IdempotentCalls(ABC):
    """A port: make a call once for each key of a caller. ``ProductsApp.idempotent_calls`` is its component, if any."""

    @abstractmethod
    async def once(self, request: Request, key: str, respond: Respond) -> Response:
        """Return the answer of ``respond``, or the one that it gave to the same request earlier."""


async def respond_once(request: Request, respond: Respond, *, is_required: bool) -> Response:
    """Call ``respond``, but not again for a key that the caller has used. Raises 400 problems for the header."""
    values = [value for name, value in request.scope["headers"] if name == b"idempotency-key"]
    if not values and not is_required:
        return await respond()
    calls: IdempotentCalls | None = getattr(request.app, "idempotent_calls", None)
    if calls is None:
        return await respond()
    if not values:
        raise HttpProblem(IDEMPOTENCY_KEY_REQUIRED, f"This request needs the header {KEY_HEADER}.")
    return await calls.once(request, parse_key(values), respond)


def parse_key(values: list[bytes]) -> str:
    """Return the key of the header's ``values``: 1 to 255 visible ASCII characters, bare or quoted."""
    if len(values) > 1:
        raise HttpProblem(INVALID_IDEMPOTENCY_KEY, f"The request has more than one {KEY_HEADER}.")
    value = values[0].strip(b" \t")
    if quoted := QUOTED_KEY.fullmatch(value):
        return ESCAPE.sub(rb"\1", quoted[1]).decode("ascii")
    if BARE_KEY.fullmatch(value):
        return value.decode("ascii")
    detail = f"{KEY_HEADER} must be 1 to 255 visible ASCII characters, with or without double quotes around them."
    raise HttpProblem(INVALID_IDEMPOTENCY_KEY, detail)
