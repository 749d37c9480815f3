"""The id that joins a client's request, its log lines and its problem document."""

import random
import re
from contextvars import ContextVar

from starlette.types import Scope

HARMLESS = re.compile(rb"[A-Za-z0-9._~-]{1,128}")

NO_REQUEST = "-"

_request_id: ContextVar[str] = ContextVar("request_id", default=NO_REQUEST)


def current_request_id() -> str:
    """The id of the request being served; ``NO_REQUEST`` outside of one."""
    return _request_id.get()


def continue_request(request_id: str | None) -> None:
    """What this task does belongs to a request that was answered before, or to none."""
    _request_id.set(request_id or NO_REQUEST)


def assign_request_id(scope: Scope) -> str:
    """Make the client's ``X-Request-ID`` the current one where it is harmless, or else a new one."""
    request_id = f"{random.getrandbits(128):032x}"  # unique, not secret
    for name, value in scope["headers"]:
        if name == b"x-request-id" and HARMLESS.fullmatch(value):
            request_id = value.decode()
    _request_id.set(request_id)
    return request_id
