"""Server-sent events: answers that go on until the server or the client ends them (WHATWG HTML, section 9.2)."""

from collections.abc import AsyncIterator
from typing import Any

from fastapi import Request
from fastapi.responses import StreamingResponse
from fastapi.sse import EventSourceResponse

EVENT_STREAM = "text/event-stream"

LAST_EVENT_ID: dict[str, Any] = {
    "name": "Last-Event-ID",
    "in": "header",
    "description": f"For `{EVENT_STREAM}`: the `id` of the last event that was received. Browsers send it.",
    "schema": {"type": "string"},
}

EXAMPLE_BLOCK = (
    'event: product.updated\ndata: {"id":48,"type":"product.updated"}\nid: OBECxGVBiHaHfPZTxPeQuls4MDIsMl0\n\n'
)

UNBUFFERED = {"X-Accel-Buffering": "no"}
"""Asks a proxy such as nginx to pass each event on at once."""


def wants_event_stream(request: Request) -> bool:
    """Return whether the header ``Accept`` names event streams. Wildcards do not count."""
    ranges = ",".join(request.headers.getlist("accept")).lower().split(",")
    accepted = [[part.strip() for part in each.split(";")] for each in ranges]
    return any(name == EVENT_STREAM and not {"q=0", "q=0.0"} & set(options) for name, *options in accepted)


def last_event_id(request: Request) -> str | None:
    return request.headers.get("last-event-id") or None


def event_stream(chunks: AsyncIterator[bytes]) -> StreamingResponse:
    return EventSourceResponse(chunks, headers=UNBUFFERED)
