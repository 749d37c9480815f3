"""The id that a request, its log lines and its problem document share."""

from contextvars import ContextVar

NO_REQUEST = "-"

_request_id: ContextVar[str] = ContextVar("request_id", default=NO_REQUEST)


def current_request_id() -> str:
    """Return the id of the current request, or ``NO_REQUEST`` outside of one."""
    return _request_id.get()


def set_request_id(request_id: str | None) -> None:
    """Set the id of the request that causes the work of this task; None if no request does."""
    _request_id.set(request_id or NO_REQUEST)
