"""The content of a report, independent of the file format."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import UTC
from typing import Any, Literal

CellKind = Literal["text", "id", "integer", "money", "moment"]

NUMBERS = ("id", "integer", "money")


@dataclass(frozen=True)
class Column:
    """A column of a table. A cell may be None.

    ``kind`` decides how a cell is written: ``id`` is a number that names something, ``integer`` one that counts;
    ``money`` has two decimals, ``moment`` (an aware datetime) is in UTC.
    ``weight`` is the relative width of the column on a page.
    """

    title: str
    kind: CellKind = "text"
    weight: float = 1.0


@dataclass(frozen=True)
class Table:
    """``rows`` may be a lazy iterable of any length: writers read it once and never hold all rows in memory."""

    title: str
    columns: Sequence[Column]
    rows: Iterable[Sequence[Any]]


@dataclass(frozen=True)
class Chart:
    """A bar chart with one bar for each label."""

    title: str
    labels: Sequence[str]
    values: Sequence[Any]
    kind: CellKind = "integer"


@dataclass(frozen=True)
class ReportContent:
    """The first table is the main one. ``facts``, ``charts`` and further tables explain it."""

    title: str
    subtitle: str
    facts: Sequence[tuple[str, str]] = ()
    charts: Sequence[Chart] = ()
    tables: Sequence[Table] = field(default=())


def format_value(kind: CellKind, value: Any) -> str:
    """Return ``value`` as people read it. Only what can be counted has thousands separators."""
    if value is None:
        return ""
    match kind:
        case "integer":
            return f"{value:,}"
        case "money":
            return f"{value:,.2f}"
        case "moment":
            return f"{value.astimezone(UTC):%Y-%m-%d %H:%M}"
    return str(value)
