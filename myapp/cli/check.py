"""Check what the database derives from other data."""

import sys
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from ..products.services import ProductService


def check(repair: Annotated[bool, typer.Option("--repair", help="Set wrong numbers right.")] = False) -> None:
    """Compare the numbers of products that the database keeps with the products. Exit with 1 if they differ."""
    from ..products.services import ProductService
    from .application import with_application

    is_right = with_application(lambda container: print_counts(container.get(ProductService), repair))
    sys.exit(0 if is_right else 1)


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
