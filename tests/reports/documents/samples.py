"""Sample contents of reports."""

from collections.abc import Iterable, Sequence
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

from myapp.reports.documents.content import Chart, Column, ReportContent, Table

COLUMNS = (
    Column("ID", "integer", 0.7),
    Column("Name", weight=2.4),
    Column("Description", weight=3),
    Column("Price", "money", 1.1),
    Column("Stock", "integer", 0.8),
    Column("Updated", "moment"),
)
NOON = datetime(2026, 11, 23, 12, tzinfo=UTC)


def product(number: int, name: str = "Lamp", description: str | None = None) -> tuple[Any, ...]:
    return number, name, description, Decimal("19.90"), 7, NOON + timedelta(minutes=number)


def inventory(rows: Iterable[Sequence[Any]], **others: Any) -> ReportContent:
    return ReportContent(
        **{
            "title": "Inventory",
            "subtitle": "All products",
            "facts": [("Value of stock", "1,234.50")],
            "charts": [Chart("Stock", ["low", "high"], [3, Decimal("4.5")])],
            "tables": [Table("Products", COLUMNS, rows)],
            **others,
        }
    )
