"""The events of reports."""

from dataclasses import dataclass
from typing import ClassVar

from ..platform.events.event import DomainEvent


@dataclass(frozen=True, kw_only=True)
class ReportEvent(DomainEvent):
    aggregate: ClassVar[str] = "report"
    read_permission: ClassVar[str] = "reports:read"

    kind: str
    format: str
    owner: str


@dataclass(frozen=True, kw_only=True)
class ReportRequested(ReportEvent):
    """``inline`` means that the process that took the request makes the report itself."""

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
