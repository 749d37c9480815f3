"""The activity report: the changes of products in a period, and who made them."""

from collections import Counter
from collections.abc import AsyncIterator, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any, ClassVar

from pico_ioc import component

from ...platform.events.history import EventHistory
from ...products.events import CHANGES, MONEY_FIELDS
from ...products.settings import CatalogueSettings
from ...users.services import UserService
from ..documents.content import Chart, Column, ReportContent, Table
from ..settings import ReportsSettings
from ..spool import Row, Spool
from .kind import ReportKind, Scope, format_moment

COLUMNS = (
    Column("When", "moment", 1.2),
    Column("Who", weight=1.2),
    Column("What", weight=0.9),
    Column("Product", "id", 0.7),
    Column("Fields", weight=3.2),
)
WHEN, WHO, WHAT = range(3)
TYPES = frozenset(change.type for change in CHANGES)
BEGINNING = datetime(1, 1, 1, tzinfo=UTC)
MAX_DAILY_BARS = 62
"""The most days of a chart by day. A longer period has a chart by month."""


@component
class ActivityReport(ReportKind):
    name: ClassVar[str] = "activity"

    def __init__(
        self, history: EventHistory, users: UserService, catalogue: CatalogueSettings, settings: ReportsSettings
    ) -> None:
        self._history = history
        self._users = users
        self._currency = catalogue.currency
        self._batch_size = settings.batch_size

    async def count(self, scope: Scope, at_most: int | None = None) -> int:
        return await self._history.count_between(*period_of(scope), TYPES, at_most)

    async def batches(self, scope: Scope) -> AsyncIterator[Sequence[tuple[int | str, Row]]]:
        after_id, size = 0, self._batch_size
        names: dict[str, str] = {}
        while batch := await self._history.find_between(after_id, *period_of(scope), size):
            if unknown := {event.actor for event in batch} - names.keys():
                names |= dict.fromkeys(unknown, "") | await self._users.names_of(unknown)
            yield [
                (
                    event.id,
                    (
                        event.occurred_at,
                        names[event.actor] or event.actor,
                        verb(event.type),
                        int(event.aggregate_id),
                        describe_changes(event.payload, self._currency),
                    ),
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
            f"Changes of products from {format_moment(start) if start else 'the beginning'} to {format_moment(end)}",
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


def period_of(scope: Scope) -> tuple[datetime, datetime]:
    return scope.since or BEGINNING, scope.until or scope.now


def verb(event_type: str) -> str:
    return event_type.partition(".")[2].replace("_", " ")


def describe_changes(payload: Mapping[str, Any], currency: str) -> str:
    """Return the changed fields, such as ``stock: 3 → 4``; for a created or deleted product all of its fields.

    The reason and the reference of an adjustment follow in brackets.
    """
    before, after = payload["before"], payload["after"]
    changes = "; ".join(
        f"{field}: "
        + " → ".join(format_field(field, fields[field], currency) for fields in (before, after) if field in fields)
        for field in before | after
    )
    notes = ", ".join(payload[name] for name in ("reason", "reference") if payload.get(name))
    return f"{changes} ({notes})" if notes else changes


def format_field(name: str, value: Any, currency: str) -> str:
    match value:
        case None:
            return "nothing"
        case bool():
            return "yes" if value else "no"
        case int() | float() if name in MONEY_FIELDS:
            return f"{value:,.2f} {currency}"
        case list() | dict() if not value:
            return "nothing"
        case list():
            return ", ".join(value)
        case dict():
            return ", ".join(f"{key} = {format_field('', member, currency)}" for key, member in value.items())
    return str(value)


def time_chart(days: Counter[str]) -> Chart:
    if len(days) <= MAX_DAILY_BARS:
        return Chart("Changes by day", list(days), list(days.values()))
    months = Counter[str]()
    for day, count in days.items():
        months[day[:7]] += count
    return Chart("Changes by month", list(months), list(months.values()))
