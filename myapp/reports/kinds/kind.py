"""The base class of all kinds of reports."""

from abc import ABC, abstractmethod
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import ClassVar

from ..documents.content import ReportContent
from ..spool import Row, Spool


@dataclass(frozen=True)
class Scope:
    """The period of a report. ``now`` is the time at which the report is made.

    ``since`` is inclusive, ``until`` is exclusive. Both are None for a kind without a period.
    """

    since: datetime | None
    until: datetime | None
    now: datetime


class ReportKind(ABC):
    """A component that reads rows from services and turns them into the content of a report.

    ``name`` is one of ``schemas.Kind`` and is stored in the database.
    """

    name: ClassVar[str]

    @abstractmethod
    async def count(self, scope: Scope, at_most: int | None = None) -> int:
        """Return the current number of rows; stop counting at ``at_most``."""

    @abstractmethod
    def batches(self, scope: Scope) -> AsyncIterator[Sequence[tuple[int | str, Row]]]:
        """Yield the rows in batches, each row with its place in the order of the report. Each batch is a short read."""

    @abstractmethod
    def content(self, scope: Scope, rows: Spool) -> ReportContent:
        """Return the content. This runs in a thread and must not keep all rows in memory."""


def format_moment(moment: datetime) -> str:
    return f"{moment.astimezone(UTC):%Y-%m-%d %H:%M} UTC"
