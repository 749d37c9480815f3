"""What of the counts may be asked for, and what they look like."""

import re
from datetime import date
from typing import Annotated, Any

from pydantic import (
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

DAYS = 30
"""How many there are to see where the first is not given."""

MAX_DAYS = 366

ISO_DATE = re.compile(r"\d{4}-\d\d-\d\d", re.ASCII)


def written_out(value: Any) -> Any:
    """pydantic would take a midnight for its date, and a number for seconds since 1970."""
    if type(value) is not date and not (isinstance(value, str) and ISO_DATE.fullmatch(value)):
        raise PydanticCustomError("date", "Input should be a date such as 2026-03-31")
    return value


def counted(type: str) -> str:
    if type not in COUNTED:
        raise PydanticCustomError("event_type", f"Input should be one of {', '.join(sorted(COUNTED))}")
    return type


Day = Annotated[date, BeforeValidator(written_out)]
EventType = Annotated[str, AfterValidator(counted), Field(json_schema_extra={"enum": sorted(COUNTED)})]


class DailyCountsFilter(BaseModel):
    """Both days are included."""

    model_config = ConfigDict(extra="forbid")

    until: Day = Field(
        default_factory=lambda: utc_now().date(),
        alias="to",
        description="The last day (UTC); today, if it is left out.",
    )
    since: Day | None = Field(
        default=None,
        alias="from",
        description=f"The first day, of {MAX_DAYS} at most; of {DAYS}, if it is left out.",
    )
    type: EventType | None = Field(default=None, description="Count events of this type only.")

    @field_validator("since")
    @classmethod
    def makes_a_period(cls, since: date | None, info: ValidationInfo) -> date | None:
        until = info.data.get("until")
        if since and until and since > until:
            raise PydanticCustomError("empty_period", "The first day should not be after the last")
        if since and until and (until - since).days >= MAX_DAYS:
            raise PydanticCustomError("long_period", f"There should be {MAX_DAYS} days at most")
        return since

    @property
    def first_day(self) -> date:
        return self.since or date.fromordinal(max(self.until.toordinal() - DAYS + 1, 1))


class DailyCountResponse(BaseModel):
    model_config = ConfigDict(from_attributes=True)

    day: date
    type: str
    count: int
