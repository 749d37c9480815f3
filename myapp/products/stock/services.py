"""Add to stocks and take from them, in one transaction for all lines."""

from collections.abc import Sequence
from dataclasses import dataclass

from pico_ioc import component
from pico_pydantic import validate
from pico_sqlalchemy import transactional

from ...platform.database.rows import changed_row, values_of
from ..events import adjusted_events
from ..models import Product, ProductRecord
from ..repositories import ProductRepository, RowUpdate
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
        await self._repo.update_many([self._update(row, totals[row.id], order) for row in rows if totals[row.id]])
        return [outcome(line.product, totals[line.product.id]) for line in lines]

    def _update(self, product: ProductRecord, delta: int, order: StockAdjustment) -> RowUpdate:
        values = changed_row(Product, product, {"stock": product.stock + delta})
        told = adjusted_events(values_of(product), values, order.reason, order.reference, self._low_stock)
        return RowUpdate(product, values, told)


def outcome(product: ProductRecord, delta: int) -> AdjustedLine:
    version = product.version + 1 if delta else product.version
    return AdjustedLine(product.id, product.sku, product.stock, product.stock + delta, version)
