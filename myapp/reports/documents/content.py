"""What a report says, before it is a file."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

Kind = Literal["text", "integer", "money", "moment"]


@dataclass(frozen=True)
class Column:
    """``kind`` decides how a cell is written: ``money`` with two decimals, ``moment`` (an aware datetime) in UTC.
    A cell may be None. ``weight`` is the column's share of a page's width.
    """

    title: str
    kind: Kind = "text"
    weight: float = 1.0


@dataclass(frozen=True)
class Table:
    """``rows`` may be lazy and of any number: they are read once, in order, and never held as a whole."""

    title: str
    columns: Sequence[Column]
    rows: Iterable[Sequence[Any]]


@dataclass(frozen=True)
class Chart:
    """One bar for each label."""

    title: str
    labels: Sequence[str]
    values: Sequence[Any]


@dataclass(frozen=True)
class ReportContent:
    """The first table is the report's own; ``facts``, ``charts`` and further tables comment on it."""

    title: str
    subtitle: str
    facts: Sequence[tuple[str, str]] = ()
    charts: Sequence[Chart] = ()
    tables: Sequence[Table] = field(default=())
