"""The id that a request, its log lines and its problem document share."""

import random
import re
from contextvars import ContextVar

from starlette.types import Scope

VALID_ID = re.compile(rb"[A-Za-z0-9._~-]{1,128}")

NO_REQUEST = "-"

_request_id: ContextVar[str] = ContextVar("request_id", default=NO_REQUEST)


def current_request_id() -> str:
    """Return the id of the current request, or ``NO_REQUEST`` outside of one."""
    return _request_id.get()


def continue_request(request_id: str | None) -> None:
    """Set the id of the earlier request that caused the work of this task; None if no request did."""
    _request_id.set(request_id or NO_REQUEST)


def assign_request_id(scope: Scope) -> str:
    """Set and return the id of a new request: the client's ``X-Request-ID`` if it is valid, otherwise a random one."""
    request_id = f"{random.getrandbits(128):032x}"  # unique, not secret
    for name, value in scope["headers"]:
        if name == b"x-request-id" and VALID_ID.fullmatch(value):
            request_id = value.decode()
    _request_id.set(request_id)
    return request_id
