"""The inventory report: all products with their stock and its value."""

import heapq
from collections.abc import AsyncIterator, Sequence
from decimal import Decimal
from typing import ClassVar

from pico_ioc import component

from ...products.services import ProductService
from ...products.settings import CatalogueSettings, ProductsSettings
from ..documents.content import Chart, Column, ReportContent, Table
from ..settings import ReportsSettings
from ..spool import Row, Spool
from .kind import ReportKind, Scope, format_moment
from .products import product_batches

ID, NAME, PRICE, STOCK, VALUE, ACTIVE = range(6)
MAX_BARS = 10
"""The most products in the chart."""


@component
class InventoryReport(ReportKind):
    name: ClassVar[str] = "inventory"

    def __init__(
        self,
        service: ProductService,
        products: ProductsSettings,
        catalogue: CatalogueSettings,
        settings: ReportsSettings,
    ) -> None:
        self._products = service
        self._low_stock = products.low_stock_threshold
        self._currency = catalogue.currency
        self._batch_size = settings.batch_size

    async def count(self, scope: Scope, at_most: int | None = None) -> int:
        return await self._products.count(include_inactive=True)

    async def batches(self, scope: Scope) -> AsyncIterator[Sequence[tuple[int | str, Row]]]:
        async for batch in product_batches(self._products, self._batch_size, include_inactive=True):
            yield [
                (item.id, (item.id, item.name, item.price, item.stock, item.price * item.stock, yes_or_no(item.active)))
                for item in batch
            ]

    def content(self, scope: Scope, rows: Spool) -> ReportContent:
        active, pieces, value, low = 0, 0, Decimal(0), 0
        for row in rows:
            active += row[ACTIVE] == yes_or_no(True)
            pieces += row[STOCK]
            value += row[VALUE]
            low += self._is_low(row)
        columns = (
            Column("Id", "id", 0.6),
            Column("Name", weight=2.6),
            Column(f"Price ({self._currency})", "money", 1.1),
            Column("Stock", "integer", 0.9),
            Column(f"Value ({self._currency})", "money", 1.3),
            Column("Active", weight=0.6),
        )
        dearest = heapq.nlargest(MAX_BARS, rows, key=lambda row: row[VALUE])
        return ReportContent(
            "Inventory",
            f"All products on {format_moment(scope.now)}",
            [
                ("Products", f"{len(rows):,}"),
                ("of them active", f"{active:,}"),
                ("Pieces in stock", f"{pieces:,}"),
                ("Value of the stock", f"{value:,.2f} {self._currency}"),
                (f"Active with a stock of {self._low_stock} or less", f"{low:,}"),
            ],
            [
                Chart(
                    f"Most value in stock ({self._currency})",
                    [row[NAME] for row in dearest],
                    [row[VALUE] for row in dearest],
                    "money",
                )
            ],
            [
                Table("Products", columns, rows),
                Table("Low stock", columns, (row for row in rows if self._is_low(row))),
            ],
        )

    def _is_low(self, row: Row) -> bool:
        return bool(row[ACTIVE] == yes_or_no(True) and row[STOCK] <= self._low_stock)


def yes_or_no(value: bool) -> str:
    return "yes" if value else "no"
