"""List and redeliver dead letters: deliveries that were given up."""

from typing import TYPE_CHECKING, Annotated

import typer

from ..platform.outbox.states import DeliveryState

if TYPE_CHECKING:
    from pico_ioc import PicoContainer

    from ..platform.outbox.schemas import DeliveryFilter
    from ..platform.outbox.services import DeliveryService

events = typer.Typer(no_args_is_help=True, help="List and redeliver events that could not be delivered.")

Handler = Annotated[str | None, typer.Option(help="Only deliveries to this handler.")]

MAX_LINES = 100


@events.command("list")
def list_events(state: DeliveryState = "dead", handler: Handler = None) -> None:
    """Print the newest deliveries: event, type, aggregate, handler, attempts, error."""
    from pydantic import MISSING, ValidationError

    from ..platform.outbox.schemas import DeliveryFilter
    from .application import with_application

    try:
        filters = DeliveryFilter(state=state, handler=MISSING if handler is None else handler)
    except ValidationError as error:
        raise typer.BadParameter("no handler has such a name", param_hint="--handler") from error
    with_application(lambda container: print_deliveries(service_of(container), filters))


@events.command("redeliver")
def redeliver_events(
    event_id: Annotated[int | None, typer.Argument(min=1, max=2**63 - 1)] = None,
    is_all: Annotated[bool, typer.Option("--all", help="Redeliver every dead letter.")] = False,
    handler: Handler = None,
) -> None:
    """Deliver a dead letter again. It can reach its handler after newer events of the same aggregate."""
    from .application import with_application

    if is_all == (event_id is not None):
        raise typer.BadParameter("give either EVENT_ID or --all")
    with_application(lambda container: redeliver(service_of(container), event_id, handler))


def service_of(container: "PicoContainer") -> "DeliveryService":
    from ..platform.outbox.services import DeliveryService

    return container.get(DeliveryService)


async def print_deliveries(service: "DeliveryService", filters: "DeliveryFilter") -> None:
    """Print the newest deliveries, one a line, with tabs between the columns."""
    page = await service.list_paged(1, MAX_LINES, filters)
    for delivery in page.content:
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
    if page.total_elements > MAX_LINES:
        print(f"... and {page.total_elements - MAX_LINES} older ones")


async def redeliver(service: "DeliveryService", event_id: int | None, handler: str | None) -> None:
    """Deliver one event again, or every dead letter if ``event_id`` is None."""
    if event_id is not None:
        answer = await service.redeliver(event_id, handler)
        print(f"event {event_id} will be delivered again to {', '.join(answer.handlers)}")
        return
    total = 0
    while redelivered := await service.redeliver_all(handler):
        total += redelivered
    print(f"{total} deliveries will be tried again")


def printable(text: str) -> str:
    """Return ``text`` with a blank for each character that a terminal might interpret."""
    return "".join(character if character.isprintable() else " " for character in text)
