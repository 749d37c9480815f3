"""Timestamps from clients: full date and time, with an offset."""

import re
from datetime import UTC, datetime
from typing import Annotated, Any

from pydantic import AfterValidator, AwareDatetime, BeforeValidator, Field
from pydantic_core import PydanticCustomError

RFC_3339 = re.compile(r"\d{4}-\d\d-\d\d[Tt ]\d\d:\d\d:\d\d(\.\d+)?([Zz]|[+-]\d\d:\d\d)", re.ASCII)


def require_rfc_3339(value: Any) -> Any:
    """Refuse other forms: pydantic would read a date as its midnight, and a number as seconds since 1970."""
    if not isinstance(value, datetime) and not (isinstance(value, str) and RFC_3339.fullmatch(value)):
        raise PydanticCustomError("moment", "Input should be a date and time with offset, such as 2026-01-31T12:00:00Z")
    return value


def to_utc(value: datetime) -> datetime:
    try:
        return value.astimezone(UTC)
    except OverflowError:  # in the first hours of year 1 or the last of year 9999
        raise PydanticCustomError("moment_range", "Input should be between the years 1 and 9999") from None


Moment = Annotated[AwareDatetime, Field(strict=False), BeforeValidator(require_rfc_3339), AfterValidator(to_utc)]
"""A timestamp by RFC 3339, or a ``datetime`` with a zone, converted to UTC. In a query, ``+`` is written ``%2B``."""
