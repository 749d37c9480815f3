"""The query and the answer of the counts."""

import re
from datetime import date
from typing import Annotated, Any

from pydantic import (
    MISSING,
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    ValidationInfo,
    field_validator,
)
from pydantic_core import PydanticCustomError

from ..platform.database.types import utc_now
from .events import COUNTED

DEFAULT_DAYS = 30
"""Number of days without the parameter ``from``."""

MAX_DAYS = 366

ISO_DATE = re.compile(r"\d{4}-\d\d-\d\d", re.ASCII)


def require_iso_date(value: Any) -> Any:
    """Refuse other inputs than an ISO date: pydantic also accepts a midnight, and a number as seconds since 1970."""
    if type(value) is not date and not (isinstance(value, str) and ISO_DATE.fullmatch(value)):
        raise PydanticCustomError("date", "Input should be a date such as 2026-03-31")
    return value


def require_counted(type: str) -> str:
    if type not in COUNTED:
        raise PydanticCustomError("event_type", f"Input should be one of {', '.join(sorted(COUNTED))}")
    return type


Day = Annotated[date, BeforeValidator(require_iso_date)]
EventType = Annotated[str, AfterValidator(require_counted), Field(json_schema_extra={"enum": sorted(COUNTED)})]


class DailyCountsFilter(BaseModel):
    """The first and the last day are inclusive."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    until: Day = Field(
        default_factory=lambda: utc_now().date(),
        alias="to",
        description="The last day (UTC), inclusive. Default: today.",
    )
    since: Day | MISSING = Field(
        default=MISSING,
        alias="from",
        description=f"The first day (UTC), inclusive. Default: {DEFAULT_DAYS} days up to `to`; at most {MAX_DAYS}.",
    )
    type: EventType | MISSING = Field(default=MISSING, description="Count events of this type only.")

    @field_validator("since")
    @classmethod
    def check_period(cls, since: date, info: ValidationInfo) -> date:
        until = info.data.get("until")  # absent where it is not valid
        if until and since > until:
            raise PydanticCustomError("empty_period", "The first day should not be after the last")
        if until and (until - since).days >= MAX_DAYS:
            raise PydanticCustomError("long_period", f"The period should have at most {MAX_DAYS} days")
        return since

    @property
    def first_day(self) -> date:
        if self.since is not MISSING:
            return self.since
        return date.fromordinal(max(self.until.toordinal() - DEFAULT_DAYS + 1, 1))


class DailyCountResponse(BaseModel):
    model_config = ConfigDict(from_attributes=True)

    day: date = Field(examples=["2026-11-26"])
    type: str = Field(examples=["product.updated"])
    count: int = Field(examples=[17])
