"""The HTTP API of the feed of events."""

from typing import Annotated, Any

from fastapi import Query, Request
from pico_fastapi import controller
from pydantic import BeforeValidator, Field

from ..platform.auth.authorities import requires_permission
from ..platform.errors import FeedUnavailableError, InvalidCursorError
from ..platform.web.paging import require_digits
from ..platform.web.query import QueryModel
from ..platform.web.routing import get
from ..platform.web.server_events import wants_event_stream
from .answers import FeedAnswers
from .schemas import EventPageResponse, FeedFilter


class FeedQuery(FeedFilter, QueryModel):
    limit: Annotated[int, Field(ge=1, le=200), BeforeValidator(require_digits)] = Field(
        default=100, description="The maximum number of events."
    )
    wait: Annotated[int, Field(ge=0, le=30), BeforeValidator(require_digits)] = Field(
        default=0, description="Seconds to wait for an event if there is none. A stream does not need it."
    )


@controller(prefix="/api/v1/events", tags=["Events"], scope="singleton")
class FeedController:
    def __init__(self, answers: FeedAnswers) -> None:
        self._answers = answers

    @get("/", response_model=EventPageResponse, event_stream=True, errors=[InvalidCursorError, FeedUnavailableError])
    @requires_permission("events:read")
    async def follow_events(self, request: Request, query: Annotated[FeedQuery, Query()]) -> Any:
        """Return the events after a cursor, oldest first. Along a chain of cursors, each event comes exactly once.

        With `Accept: text/event-stream`, the answer is a stream of server-sent events that goes on. Events of users and
        reports need `users:read` or `reports:read` as well; without it they are left out.
        """
        if wants_event_stream(request):
            return await self._answers.stream(request, query, query.limit)
        return await self._answers.page(request, query, query.limit, query.wait)
