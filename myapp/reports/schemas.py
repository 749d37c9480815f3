"""What a report looks like from outside, and what may be asked for."""

import uuid
from datetime import datetime
from typing import Literal

from pydantic import MISSING, BaseModel, ConfigDict, Field, ValidationInfo, field_validator
from pydantic_core import PydanticCustomError

from ..platform.database.types import utc_now
from ..platform.moments import Moment
from .models import ReportFormat, ReportState

Kind = Literal["inventory", "price-list", "activity"]

WITH_PERIOD = {"activity"}
"""Kinds that look at a time; the others show what is."""


NEWEST_FIRST = "-created_at"


class ReportFilter(BaseModel):
    """Select the reports that pass every filter that is set."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    state: ReportState | MISSING = MISSING
    kind: Kind | MISSING = MISSING


class ReportOrder(BaseModel):
    """``from`` is inclusive, ``to`` is not. An activity report begins with the first change and ends now where it is
    not told otherwise; other kinds have no period."""

    model_config = ConfigDict(strict=True, extra="forbid")

    kind: Kind
    format: ReportFormat
    period_start: Moment | None = Field(default=None, alias="from")
    period_end: Moment | None = Field(default=None, alias="to", validate_default=True)

    @field_validator("period_start", "period_end")
    @classmethod
    def has_a_period(cls, moment: datetime | None, info: ValidationInfo) -> datetime | None:
        if moment and info.data.get("kind", "activity") not in WITH_PERIOD:
            raise PydanticCustomError("no_period", "This kind of report has no period")
        return moment

    @field_validator("period_start")
    @classmethod
    def begins_in_the_past(cls, start: datetime | None) -> datetime | None:
        if start and start >= utc_now():
            raise PydanticCustomError("future", "The period should begin in the past")
        return start

    @field_validator("period_end")
    @classmethod
    def ends_after_it_begins(cls, end: datetime | None, info: ValidationInfo) -> datetime | None:
        if info.data.get("kind") not in WITH_PERIOD:
            return end
        end = end or utc_now()
        start = info.data.get("period_start")
        if start and start >= end:
            raise PydanticCustomError("empty_period", "The period should end after it begins")
        return end


class ReportResponse(BaseModel):
    """``progress`` is in percent. ``rows`` and ``size`` (bytes) are those of the file, ``rows`` before that what was
    read by now; ``error`` is why it failed."""

    model_config = ConfigDict(from_attributes=True)

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
    attempts: int
    created_at: datetime
    updated_at: datetime
    started_at: datetime | None
    finished_at: datetime | None
    expires_at: datetime | None
