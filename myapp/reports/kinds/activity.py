"""What was changed in a period, and by whom."""

from collections import Counter
from collections.abc import AsyncIterator, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any, ClassVar

from pico_ioc import component

from ...platform.events.history import EventHistory
from ...products.events import CHANGES
from ..documents.content import Chart, Column, ReportContent, Table
from ..settings import ReportsSettings
from ..spool import Row, Spool
from .kind import ReportKind, Scope, on

COLUMNS = (
    Column("When", "moment", 1.2),
    Column("Who", weight=1.2),
    Column("What", weight=0.9),
    Column("Product", "integer", 0.7),
    Column("Fields", weight=3.2),
)
WHEN, WHO, WHAT = range(3)
TYPES = frozenset(change.type for change in CHANGES)
BEGINNING = datetime(1, 1, 1, tzinfo=UTC)
MAX_DAYS = 62
"""More days than these are charted by month."""


@component
class ActivityReport(ReportKind):
    name: ClassVar[str] = "activity"

    def __init__(self, history: EventHistory, settings: ReportsSettings) -> None:
        self._history = history
        self._batch_size = settings.batch_size

    async def count(self, scope: Scope, at_most: int | None = None) -> int:
        return await self._history.count_between(*period(scope), TYPES, at_most)

    async def batches(self, scope: Scope) -> AsyncIterator[Sequence[tuple[int | str, Row]]]:
        after_id, size = 0, self._batch_size
        while batch := await self._history.between(after_id, *period(scope), size):
            yield [
                (
                    event.id,
                    (event.occurred_at, event.actor, verb(event.type), int(event.aggregate_id), told(event.payload)),
                )
                for event in batch
                if event.type in TYPES
            ]
            after_id = batch[-1].id

    def content(self, scope: Scope, rows: Spool) -> ReportContent:
        counts = Counter((f"{row[WHEN].astimezone(UTC):%Y-%m-%d}", row[WHAT]) for row in rows)
        days, verbs = Counter[str](), Counter[str]()
        for (day, what), count in sorted(counts.items()):
            days[day] += count
            verbs[what] += count
        start, end = scope.since, scope.until or scope.now
        return ReportContent(
            "Activity",
            f"Changes of products from {on(start) if start else 'the beginning'} to {on(end)}",
            [("Changes", f"{len(rows):,}"), *((f"Products {what}", f"{count:,}") for what, count in verbs.items())],
            [time_chart(days), Chart("Changes by type", list(verbs), list(verbs.values()))],
            [
                Table("Changes", COLUMNS, rows),
                Table(
                    "Changes by day",
                    (Column("Day"), Column("What"), Column("Changes", "integer")),
                    [(day, what, count) for (day, what), count in sorted(counts.items())],
                ),
            ],
        )


def period(scope: Scope) -> tuple[datetime, datetime]:
    return scope.since or BEGINNING, scope.until or scope.now


def verb(event_type: str) -> str:
    return event_type.partition(".")[2]


def told(payload: Mapping[str, Any]) -> str:
    """The fields that changed, such as ``stock: 3 → 4``; of a product that was created or deleted, all it had."""
    before, after = payload["before"], payload["after"]
    return "; ".join(f"{field}: {change(before, after, field)}" for field in before | after)


def change(before: Mapping[str, Any], after: Mapping[str, Any], field: str) -> str:
    return " → ".join(shown(fields[field]) for fields in (before, after) if field in fields)


def shown(value: Any) -> str:
    match value:
        case None:
            return "nothing"
        case bool():
            return "yes" if value else "no"
    return str(value)


def time_chart(days: Counter[str]) -> Chart:
    if len(days) <= MAX_DAYS:
        return Chart("Changes by day", list(days), list(days.values()))
    months = Counter[str]()
    for day, count in days.items():
        months[day[:7]] += count
    return Chart("Changes by month", list(months), list(months.values()))
