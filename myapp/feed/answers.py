"""The two forms of the feed over HTTP: one part of it, and a stream of events that goes on."""

import time
from collections.abc import AsyncIterator
from dataclasses import replace
from typing import Any

from fastapi import Request
from fastapi.responses import StreamingResponse
from fastapi.sse import format_sse_event
from pico_client_auth import SecurityContext
from pico_ioc import component

from ..platform.auth.recheck import CallerRecheck
from ..platform.errors import DomainError
from ..platform.stopping import Stopping
from ..platform.web.problems import HttpProblem, forbidden
from ..platform.web.server_events import event_stream, last_event_id
from .cursors import FeedCursors
from .positions import Batch, PlacedEvent, Position
from .schemas import EventResponse, FeedFilter
from .services import FeedService
from .types import WantedTypes, permissions_of_groups

RECHECK = 3.0
"""Seconds after which a stream checks its caller again."""
KEEP_ALIVE = 15.0
"""Seconds after which a silent stream sends something, so that proxies keep it open and a lost client is noticed."""
RETRY = 2000
"""Milliseconds after which a client connects again."""


@component
class FeedAnswers:
    def __init__(self, service: FeedService, cursors: FeedCursors, recheck: CallerRecheck, stopping: Stopping) -> None:
        self._service = service
        self._cursors = cursors
        self._recheck = recheck
        self._stopping = stopping

    async def page(self, request: Request, filters: FeedFilter, limit: int, wait: int) -> dict[str, Any]:
        """Return the members of an ``EventPageResponse``."""
        wanted = readable(filters.wanted)
        batch = await self._service.next_batch(await self._cursors.decode(filters.after), wanted, limit, wait)
        if wait:
            await self._recheck.require_valid(request.scope)
        return {"items": [each.event for each in batch.events], "next": await self._cursors.encode(batch.end)}

    async def stream(self, request: Request, filters: FeedFilter, limit: int) -> StreamingResponse:
        """Return a stream of events. It ends when the token does, or when the process is asked to stop.

        ``Last-Event-ID`` replaces ``after``. ``limit`` is the number of events that are read at a time.
        """
        wanted = readable(filters.wanted)
        received = last_event_id(request)
        after = await self._cursors.decode(received or filters.after, "Last-Event-ID" if received else "after")
        first = await self._service.next_batch(after, wanted, limit)  # its errors become problems
        return event_stream(self._chunks(request, after, first, wanted, limit))

    async def _chunks(
        self, request: Request, after: Position, batch: Batch, wanted: WantedTypes, limit: int
    ) -> AsyncIterator[bytes]:
        yield format_sse_event(id=await self._cursors.encode(after), retry=RETRY)
        sent_at = time.monotonic()
        while True:
            if batch.events:
                yield b"".join([await self._chunk(each) for each in batch.events])
                sent_at = time.monotonic()
            elif time.monotonic() - sent_at >= KEEP_ALIVE:
                yield format_sse_event(comment="keep-alive", id=await self._cursors.encode(batch.end))
                sent_at = time.monotonic()
            if self._stopping.has_begun:
                return
            try:
                batch = await self._service.next_batch(batch.end, wanted, limit, RECHECK)
                await self._recheck.require_valid(request.scope)
            except (HttpProblem, DomainError):
                return  # the client connects again, and is told the reason then

    async def _chunk(self, placed: PlacedEvent) -> bytes:
        data = EventResponse.model_validate(placed.event).model_dump_json()
        return format_sse_event(data_str=data, event=placed.event.type, id=await self._cursors.encode(placed.position))


def readable(wanted: WantedTypes) -> WantedTypes:
    """Return ``wanted`` without what the caller may not read. Raise a 403 problem if it was asked for by name."""
    missing = {
        group: permission
        for group, permission in permissions_of_groups().items()
        if not SecurityContext.has_role(permission)
    }
    if refused := wanted.of_groups(missing):
        raise forbidden(sorted({missing[group] for group in refused}))
    return replace(wanted, hidden=frozenset(missing))
