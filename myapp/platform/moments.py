"""Moments from outside: written out, with their offset."""

import re
from datetime import UTC, datetime
from typing import Annotated, Any

from pydantic import AfterValidator, AwareDatetime, BeforeValidator, Field
from pydantic_core import PydanticCustomError

RFC_3339 = re.compile(r"\d{4}-\d\d-\d\d[Tt ]\d\d:\d\d:\d\d(\.\d+)?([Zz]|[+-]\d\d:\d\d)", re.ASCII)


def written_out(value: Any) -> Any:
    """pydantic would take a date for its midnight, and a number for seconds since 1970."""
    if not isinstance(value, datetime) and not (isinstance(value, str) and RFC_3339.fullmatch(value)):
        raise PydanticCustomError("moment", "Input should be a moment with its offset, such as 2026-01-31T12:00:00Z")
    return value


def in_utc(value: datetime) -> datetime:
    try:
        return value.astimezone(UTC)
    except OverflowError:  # of the years 1 and 9999
        raise PydanticCustomError("moment_range", "Input should be a moment between the years 1 and 9999") from None


Moment = Annotated[AwareDatetime, Field(strict=False), BeforeValidator(written_out), AfterValidator(in_utc)]
"""A moment by RFC 3339, or a ``datetime`` with its zone; always in UTC then. A ``+`` of a query is written ``%2B``."""
