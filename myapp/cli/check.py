"""Check what the database derives from other data."""

import sys
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from ..products.services import ProductService


def check() -> None:
    """Compare the numbers of products that the database keeps with the products. Exit with 1 if they differ."""
    from ..products.services import ProductService
    from .application import with_application

    sys.exit(0 if with_application(lambda container: print_counts(container.get(ProductService))) else 1)


async def print_counts(service: "ProductService") -> bool:
    """Print the numbers. Return whether all are right."""
    counts = await service.counts()
    for name, (kept, counted) in counts.items():
        verdict = "right" if kept == counted else f"WRONG, the database keeps {kept}"
        print(f"{name} products: {counted} ({verdict})")
    return all(kept == counted for kept, counted in counts.values())
