"""Reads the catalogue in batches, for reports that list products."""

from collections.abc import AsyncIterator, Sequence
from typing import Any

from ...products.services import ProductService


async def product_batches(
    service: ProductService, size: int, *, include_inactive: bool
) -> AsyncIterator[Sequence[Any]]:
    """Yield the products in batches of ``size``, sorted by id."""
    after_id = 0
    while batch := await service.list_active(after_id, size, include_inactive=include_inactive):
        yield batch
        after_id = batch[-1].id
