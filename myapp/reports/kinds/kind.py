"""What a kind of report implements."""

from abc import ABC, abstractmethod
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import ClassVar

from ..documents.content import ReportContent
from ..spool import Row, Spool


@dataclass(frozen=True)
class Scope:
    """``since`` is inclusive, ``until`` is not; both are None for a kind without a period. ``now`` is when the report
    is made."""

    since: datetime | None
    until: datetime | None
    now: datetime


class ReportKind(ABC):
    """A component that reads rows from services, and then says what they tell.

    ``name`` is one of ``schemas.Kind`` and stands in the database.
    """

    name: ClassVar[str]

    @abstractmethod
    async def count(self, scope: Scope, at_most: int | None = None) -> int:
        """How many rows there are now; ``at_most`` spares counting on."""

    @abstractmethod
    def batches(self, scope: Scope) -> AsyncIterator[Sequence[tuple[int | str, Row]]]:
        """The rows, each with its place in the order of the report, each batch a short read of its own."""

    @abstractmethod
    def content(self, scope: Scope, rows: Spool) -> ReportContent:
        """Called in a thread, with all rows; it holds none of them."""


def on(moment: datetime) -> str:
    return f"{moment.astimezone(UTC):%Y-%m-%d %H:%M} UTC"
