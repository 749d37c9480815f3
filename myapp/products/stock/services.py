"""Add to stocks and take from them, in one transaction for all lines."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

from pico_ioc import component
from pico_pydantic import validate
from pico_sqlalchemy import transactional

from ...platform.database.rows import changed_row, values_of
from ...platform.events.fields import Fields
from ..events import ProductEvent, adjusted_events
from ..models import Product
from ..repositories import ProductRepository
from ..settings import ProductsSettings
from .adjustment import find, names, require_expected, total_deltas
from .schemas import StockAdjustment


@dataclass(frozen=True, slots=True)
class AdjustedLine:
    """The product of a line, and what became of its stock. ``version`` is the version of the product afterwards."""

    product_id: int
    sku: str | None
    stock_before: int
    stock_after: int
    version: int


@component
class StockService:
    """Adjustments of stocks, for HTTP, scripts and tests."""

    def __init__(self, repo: ProductRepository, settings: ProductsSettings) -> None:
        self._repo = repo
        self._low_stock = settings.low_stock_threshold

    @transactional
    @validate
    async def adjust(self, order: StockAdjustment) -> Sequence[AdjustedLine]:
        """Apply all lines of ``order``, or none. Return the outcome of each line, in order.

        Lines of one product are summed, and a product whose sum is 0 does not change. Inactive products have a stock
        too. Raises BatchRejectedError for a product that does not exist and for a stock that would be too large,
        StaleStockError, and InsufficientStockError.
        """
        rows = await self._repo.lock_named(*names(order.lines))
        lines = find(order.lines, rows)
        require_expected(lines)
        totals = total_deltas(lines)
        changes: dict[int, Fields] = {}
        events: list[ProductEvent] = []
        for row in rows:
            if delta := totals[row.id]:
                changes[row.id] = changed_row(Product, row, {"stock": row.stock + delta})
                told = adjusted_events(values_of(row), changes[row.id], order.reason, order.reference, self._low_stock)
                events += [replace(event, aggregate_id=str(row.id)) for event in told]
        if changes:
            await self._repo.update_many(changes, events)
        return [
            AdjustedLine(
                row.id, row.sku, row.stock, row.stock + totals[row.id], changes.get(row.id, values_of(row))["version"]
            )
            for row in (line.product for line in lines)
        ]
