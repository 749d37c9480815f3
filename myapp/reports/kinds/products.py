"""The catalogue batch by batch, for the reports that show it."""

from collections.abc import AsyncIterator, Sequence
from typing import Any

from ...products.services import ProductService


async def products_of(service: ProductService, size: int, *, include_inactive: bool) -> AsyncIterator[Sequence[Any]]:
    """All products in id order."""
    after_id = 0
    while batch := await service.list_active(after_id, size, include_inactive=include_inactive):
        yield batch
        after_id = batch[-1].id
