"""The schemas of reports."""

import uuid
from datetime import datetime
from typing import Literal

from pydantic import MISSING, BaseModel, ConfigDict, Field, ValidationInfo, field_validator
from pydantic_core import PydanticCustomError

from ..platform.database.types import utc_now
from ..platform.examples import example
from ..platform.moments import Moment
from .models import ReportFormat, ReportState

Kind = Literal["inventory", "price-list", "activity"]

WITH_PERIOD = {"activity"}
"""Kinds that cover a period. The others show the current state."""


NEWEST_FIRST = "-created_at"

ORDER = {"kind": "activity", "format": "csv", "from": "2025-10-01T00:00:00Z", "to": "2025-11-01T00:00:00Z"}
REPORT = {
    "id": "8d4b7e83-b4a5-47f7-bb4d-5f9a0fa4b4ea",
    "kind": "activity",
    "format": "csv",
    "owner": "9d2b7f6e-1d43-4b7c-8a55-6b1c2d3e4f02",
    "from": "2025-10-01T00:00:00Z",
    "to": "2025-11-01T00:00:00Z",
    "state": "done",
    "progress": 100,
    "rows": 120,
    "size": 14207,
    "error": None,
    "waiting_since": None,
    "detail": None,
    "attempts": 1,
    "created_at": "2026-11-26T05:48:44.054834Z",
    "updated_at": "2026-11-26T05:48:45.203117Z",
    "started_at": "2026-11-26T05:48:44.610221Z",
    "finished_at": "2026-11-26T05:48:45.203117Z",
    "expires_at": "2026-12-03T05:48:45.203117Z",
}


class ReportFilter(BaseModel):
    """Select the reports that pass every filter that is set."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    state: ReportState | MISSING = MISSING
    kind: Kind | MISSING = MISSING


class ReportOrder(BaseModel):
    """``from`` is inclusive, ``to`` is exclusive.

    Without them, an activity report begins with the first change and ends now. Other kinds have no period.
    """

    model_config = ConfigDict(strict=True, extra="forbid", json_schema_extra=example(ORDER))

    kind: Kind
    format: ReportFormat
    period_start: Moment | None = Field(default=None, alias="from")
    period_end: Moment | None = Field(default=None, alias="to", validate_default=True)

    @field_validator("period_start", "period_end")
    @classmethod
    def check_kind_has_period(cls, moment: datetime | None, info: ValidationInfo) -> datetime | None:
        if moment and info.data.get("kind", "activity") not in WITH_PERIOD:
            raise PydanticCustomError("no_period", "This kind of report has no period")
        return moment

    @field_validator("period_start")
    @classmethod
    def check_period_start(cls, start: datetime | None) -> datetime | None:
        if start and start >= utc_now():
            raise PydanticCustomError("future", "The period should begin in the past")
        return start

    @field_validator("period_end")
    @classmethod
    def check_period_end(cls, end: datetime | None, info: ValidationInfo) -> datetime | None:
        if info.data.get("kind") not in WITH_PERIOD:
            return end
        end = end or utc_now()
        start = info.data.get("period_start")
        if start and start >= end:
            raise PydanticCustomError("empty_period", "The period should end after it begins")
        return end


class ReportResponse(BaseModel):
    """``progress`` is in percent, ``size`` is in bytes.

    ``rows`` is the number of rows in the file; before there is a file, it is the number of rows read so far. ``error``
    is the reason of a failure. ``waiting_since`` and ``detail`` tell since when a queued report waits, and for what;
    they are null in other states.
    """

    model_config = ConfigDict(from_attributes=True, json_schema_extra=example(REPORT))

    id: uuid.UUID
    kind: str
    format: ReportFormat
    owner: str
    period_start: datetime | None = Field(serialization_alias="from")
    period_end: datetime | None = Field(serialization_alias="to")
    state: ReportState
    progress: int
    rows: int
    size: int | None
    error: str | None
    waiting_since: datetime | None
    detail: str | None
    attempts: int
    created_at: datetime
    updated_at: datetime
    started_at: datetime | None
    finished_at: datetime | None
    expires_at: datetime | None
