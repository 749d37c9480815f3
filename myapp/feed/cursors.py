"""Positions as clients see them."""

from pico_ioc import component
from pydantic import MISSING

from ..platform.web.cursors import Cursors
from .positions import START, Position
from .schemas import LATEST
from .services import FeedService

LIST_NAME = "events"


@component
class FeedCursors:
    def __init__(self, cursors: Cursors, service: FeedService) -> None:
        self._cursors = cursors
        self._service = service

    async def encode(self, position: Position) -> str:
        return await self._cursors.encode(LIST_NAME, position)

    async def decode(self, after: str | MISSING, parameter: str = "after") -> Position:
        """Return the position that ``after`` stands for. Raises InvalidCursorError."""
        if after is MISSING:
            return START
        if after == LATEST:
            return await self._service.end()
        return Position(*await self._cursors.decode(LIST_NAME, str(after), parameter))
