"""The content of a report, independent of the file format."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

CellKind = Literal["text", "integer", "money", "moment"]


@dataclass(frozen=True)
class Column:
    """A column of a table. A cell may be None.

    ``kind`` decides how a cell is written: ``money`` with two decimals, ``moment`` (an aware datetime) in UTC.
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


@dataclass(frozen=True)
class ReportContent:
    """The first table is the main one. ``facts``, ``charts`` and further tables explain it."""

    title: str
    subtitle: str
    facts: Sequence[tuple[str, str]] = ()
    charts: Sequence[Chart] = ()
    tables: Sequence[Table] = field(default=())
