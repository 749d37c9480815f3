"""What an operator does with events from a terminal."""

import asyncio
import logging
import signal
from collections.abc import Awaitable, Callable
from typing import TypeVar

from pico_ioc import PicoContainer

from .boot import create_container
from .platform.errors import DomainError, StartupError
from .platform.outbox.relay import EventRelay
from .platform.outbox.schemas import State
from .platform.outbox.services import DeliveryService
from .platform.startup import exit_on_startup_error

logger = logging.getLogger(__name__)

MAX_LINES = 100

T = TypeVar("T")


def with_application(work: Callable[[PicoContainer], Awaitable[T]]) -> T:
    """What ``work`` returns; where it fails, the process ends with one line."""

    async def run(container: PicoContainer) -> T:
        try:
            return await work(container)
        except DomainError as error:
            raise StartupError(str(error)) from error
        finally:
            await container.ashutdown()

    with exit_on_startup_error():
        return asyncio.run(run(create_container()))


async def relay(container: PicoContainer) -> None:
    """Until SIGTERM or Ctrl-C; what is being delivered then is finished."""
    asked_to_stop = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, asked_to_stop.set)
    async with container.get(EventRelay).running():
        logger.info("the relay runs")
        await asked_to_stop.wait()
    logger.info("the relay has ended")


async def show(container: PicoContainer, state: State, handler: str | None) -> None:
    """The newest deliveries in a state, one a line, in columns that tabs separate."""
    found = await container.get(DeliveryService).list_paged(1, MAX_LINES, state=state, handler=handler)
    for delivery in found.content:
        aggregate = f"{delivery.aggregate}/{delivery.aggregate_id}"
        columns = (
            delivery.event_id,
            delivery.type,
            aggregate,
            delivery.handler,
            delivery.attempts,
            delivery.error or "",
        )
        print("\t".join(printable(str(column)) for column in columns))
    if found.total_elements > MAX_LINES:
        print(f"... and {found.total_elements - MAX_LINES} older ones")


async def redeliver(container: PicoContainer, event_id: int | None, handler: str | None) -> None:
    """One event, or all that were given up."""
    service: DeliveryService = container.get(DeliveryService)
    if event_id is not None:
        told = await service.redeliver(event_id, handler)
        print(f"event {event_id} goes to {', '.join(told.handlers)} again")
        return
    number = 0
    while some := await service.redeliver_all(handler):
        number += some
    print(f"{number} deliveries will be tried again")


def printable(text: str) -> str:
    """Without what a terminal might obey."""
    return "".join(character if character.isprintable() else " " for character in text)
