"""The price list: all active products, sorted by name."""

from bisect import bisect_right
from collections.abc import AsyncIterator, Sequence
from decimal import Decimal
from typing import ClassVar

from pico_ioc import component

from ...platform.fold import sort_key
from ...products.services import ProductService
from ...products.settings import CatalogueSettings
from ..documents.content import Chart, Column, ReportContent, Table
from ..settings import ReportsSettings
from ..spool import Row, Spool
from .kind import ReportKind, Scope, format_moment
from .products import product_batches

PRICE = 2
BOUNDS = (10, 50, 100, 500, 1000)
"""The prices that separate the bars of the chart."""
LABELS = ["under 10", "10 to 50", "50 to 100", "100 to 500", "500 to 1,000", "1,000 and more"]


@component
class PriceListReport(ReportKind):
    name: ClassVar[str] = "price-list"

    def __init__(self, products: ProductService, catalogue: CatalogueSettings, settings: ReportsSettings) -> None:
        self._products = products
        self._currency = catalogue.currency
        self._batch_size = settings.batch_size

    async def count(self, scope: Scope, at_most: int | None = None) -> int:
        return await self._products.count()

    async def batches(self, scope: Scope) -> AsyncIterator[Sequence[tuple[int | str, Row]]]:
        async for batch in product_batches(self._products, self._batch_size, include_inactive=False):
            yield [(sort_key(item.name), (item.name, item.description, item.price, item.id)) for item in batch]

    def content(self, scope: Scope, rows: Spool) -> ReportContent:
        bars = [0] * len(LABELS)
        lowest: Decimal | None = None
        highest: Decimal | None = None
        for row in rows:
            price = row[PRICE]
            bars[bisect_right(BOUNDS, price)] += 1
            lowest = price if lowest is None else min(lowest, price)
            highest = price if highest is None else max(highest, price)
        facts = [("Products", f"{len(rows):,}")]
        if lowest is not None:
            facts += [
                ("Lowest price", f"{lowest:,.2f} {self._currency}"),
                ("Highest price", f"{highest:,.2f} {self._currency}"),
            ]
        columns = (
            Column("Name", weight=2.2),
            Column("Description", weight=3.2),
            Column(f"Price ({self._currency})", "money", 1.1),
            Column("Id", "id", 0.6),
        )
        return ReportContent(
            "Price list",
            f"Active products on {format_moment(scope.now)}",
            facts,
            [Chart(f"Products by price ({self._currency})", LABELS, bars)],
            [Table("Products", columns, rows)],
        )
