"""Handlers whose behaviour tests control. They are part of an application that scans this module."""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import ClassVar

from pico_client_auth import SecurityContext
from pico_ioc import component
from pico_sqlalchemy import SessionManager
from sqlalchemy import select

from myapp.platform.context.actor import current_actor
from myapp.platform.context.request_id import current_request_id
from myapp.platform.database.types import Condition
from myapp.platform.events.event import RecordedEvent
from myapp.platform.events.handler import EventHandler
from myapp.platform.events.models import Event
from myapp.platform.events.publisher import EventPublisher

from .things import Counted, Happened, Noted, Wondered

Behaviour = Callable[[RecordedEvent], Awaitable[None]]


async def succeed(_event: RecordedEvent) -> None: ...


async def hang(_event: RecordedEvent) -> None:
    await asyncio.Event().wait()


def fail_with(error: BaseException) -> Behaviour:
    async def fail(_event: RecordedEvent) -> None:
        raise error

    return fail


@dataclass(frozen=True)
class HandlerContext:
    """The context in which a handler was called."""

    in_transaction: bool
    actor: str
    authenticated: bool
    request_id: str


class Watched(EventHandler):
    """Records its calls: ``received`` has all events, ``done`` those that it handled without an error."""

    def __init__(self, manager: SessionManager) -> None:
        self._manager = manager
        self.reset()

    def reset(self) -> None:
        self.behaviour: Behaviour = succeed
        self.received: list[RecordedEvent] = []
        self.done: list[RecordedEvent] = []
        self.contexts: list[HandlerContext] = []

    async def handle(self, event: RecordedEvent) -> None:
        in_transaction = self._manager.get_current_session() is not None
        authenticated = SecurityContext.get() is not None
        self.received.append(event)
        self.contexts.append(HandlerContext(in_transaction, current_actor(), authenticated, current_request_id()))
        await self.behaviour(event)
        self.done.append(event)


@component
class Listener(Watched):
    name: ClassVar[str] = "listener"
    event_types: ClassVar[frozenset[str]] = frozenset({Happened.type})


@component
class Neighbour(Watched):
    name: ClassVar[str] = "neighbour"
    event_types: ClassVar[frozenset[str]] = frozenset({Happened.type})


@component
class Visitor(Watched):
    """Is needed as soon as something was noted."""

    name: ClassVar[str] = "visitor"
    event_types: ClassVar[frozenset[str]] = frozenset({Wondered.type})
    needed_if: ClassVar[Condition] = select(Event.id).where(Event.type == Noted.type).exists()


@component
class Clerk(Watched):
    """Publishes an event for each one it receives. The database refuses a duplicate."""

    name: ClassVar[str] = "clerk"
    event_types: ClassVar[frozenset[str]] = frozenset({Counted.type})
    in_transaction: ClassVar[bool] = True

    def __init__(self, manager: SessionManager, publisher: EventPublisher) -> None:
        super().__init__(manager)
        self._publisher = publisher

    async def handle(self, event: RecordedEvent) -> None:
        await self._publisher.publish(Noted(aggregate_id=event.aggregate_id, version=event.version))
        await super().handle(event)
