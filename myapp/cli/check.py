"""Check what the database derives from other data."""

import sys
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from pico_ioc import PicoContainer

    from ..feed.reader import FeedReader
    from ..products.services import ProductService

BATCH_SIZE = 10_000


def check(repair: Annotated[bool, typer.Option("--repair", help="Set right what is wrong.")] = False) -> None:
    """Compare what the database keeps with what it should be, as after a restore. Exit with 1 if something is wrong."""
    from .application import with_application

    sys.exit(0 if with_application(lambda container: check_all(container, repair)) else 1)


async def check_all(container: "PicoContainer", repair: bool) -> bool:
    from ..feed.reader import FeedReader
    from ..products.services import ProductService

    are_right = await print_counts(container.get(ProductService), repair)
    return await print_feed(container.get(FeedReader), repair) and are_right


async def print_feed(reader: "FeedReader", repair: bool = False) -> bool:
    """Print whether the feed of events has an order, and give it one if asked. Return whether it has one at the end."""
    if not await reader.is_restored():
        print("feed of events: in order (right)")
        return True
    print("feed of events: WRONG, the events were restored from another server")
    if repair:
        while await reader.forget_transactions(BATCH_SIZE) == BATCH_SIZE:
            pass
        print("put in order; clients have to begin the feed again")
    return repair


async def print_counts(service: "ProductService", repair: bool = False) -> bool:
    """Print the numbers, and repair them if asked. Return whether all are right at the end."""
    counts = await service.counts()
    for name, (kept, counted) in counts.items():
        verdict = "right" if kept == counted else f"WRONG, the database keeps {kept}"
        print(f"{name} products: {counted} ({verdict})")
    if all(kept == counted for kept, counted in counts.values()):
        return True
    if repair:
        await service.recount()
        print("counted anew")
    return repair
