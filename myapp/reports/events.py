"""What happens to reports, as everybody is told of it."""

from dataclasses import dataclass
from typing import ClassVar

from ..platform.events.event import DomainEvent


@dataclass(frozen=True, kw_only=True)
class ReportEvent(DomainEvent):
    aggregate: ClassVar[str] = "report"

    kind: str
    format: str
    owner: str


@dataclass(frozen=True, kw_only=True)
class ReportRequested(ReportEvent):
    """``inline``: the process that took the request makes it too."""

    type: ClassVar[str] = "report.requested"

    inline: bool


@dataclass(frozen=True, kw_only=True)
class ReportFinished(ReportEvent):
    """``size`` is in bytes."""

    type: ClassVar[str] = "report.finished"

    email: str | None
    rows: int
    size: int


@dataclass(frozen=True, kw_only=True)
class ReportFailed(ReportEvent):
    type: ClassVar[str] = "report.failed"

    email: str | None
    reason: str
