"""What the layers know about a request."""

from dataclasses import dataclass

from starlette.types import Scope

from .route_table import Target


@dataclass(slots=True)
class RequestInfo:
    """Data about a request that the layers share, in ``scope["products_api"]``."""

    target: Target
    subject: str = "-"
    status: int = 0
    """The status of the answer; 0 until the answer has begun."""
    completed_at: float = 0.0
    """When the answer was complete, by ``time.perf_counter``. Background work after it is not part of the request."""


def request_info(scope: Scope) -> RequestInfo:
    info: RequestInfo = scope["products_api"]
    return info
