"""The schemas of users: the same for HTTP and for the services."""

from datetime import datetime
from typing import Annotated
from uuid import UUID

from pydantic import MISSING, AfterValidator, BaseModel, ConfigDict, Field, StringConstraints

from ..platform.context.claims import MAX_NAME
from ..platform.examples import example
from ..platform.partial import AT_LEAST_ONE, PartialUpdate
from ..platform.text import single_line, visible_line

FullName = Annotated[
    str, StringConstraints(strip_whitespace=True, min_length=1, max_length=MAX_NAME), AfterValidator(visible_line)
]
Phone = Annotated[
    str, StringConstraints(strip_whitespace=True, min_length=3, max_length=20, pattern=r"^[0-9 +().\-/]*$")
]


SearchText = Annotated[str, StringConstraints(min_length=1, max_length=100), AfterValidator(single_line)]

OLDEST_FIRST = "created_at"

USER = {
    "id": "e5fbe315-364c-48fa-b21c-8201b3da7821",
    "subject": "9d2b7f6e-1d43-4b7c-8a55-6b1c2d3e4f02",
    "email": "ann@example.com",
    "name": "Ann Example",
    "phone": "+43 1 234 567",
    "is_active": True,
    "created_at": "2026-11-26T05:48:43.907829Z",
    "updated_at": "2026-11-26T05:48:43.907829Z",
}


class UserFilter(BaseModel):
    """Select the users that pass every filter that is set."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    search: SearchText | MISSING = Field(
        default=MISSING,
        description="Words that the email address or the name must have, in any order, each of them whole or in part."
        " Case and accents make no difference.",
    )
    is_active: bool | MISSING = Field(
        default=MISSING, description="`true`: only active users. `false`: only deactivated users."
    )


class ProfileUpdate(PartialUpdate):
    """Fields that are not sent stay as they are. ``null`` clears a field."""

    model_config = ConfigDict(json_schema_extra=AT_LEAST_ONE | example({"name": "Ann Example", "phone": None}))

    name: FullName | MISSING | None = MISSING
    phone: Phone | MISSING | None = MISSING


class UserUpdate(BaseModel):
    model_config = ConfigDict(strict=True, extra="forbid", revalidate_instances="always")

    is_active: bool = Field(examples=[False])


class UserResponse(BaseModel):
    """``subject`` is the claim ``sub`` of the user's tokens."""

    model_config = ConfigDict(from_attributes=True, json_schema_extra=example(USER))

    id: UUID
    subject: str
    email: str | None
    name: str | None
    phone: str | None
    is_active: bool
    created_at: datetime
    updated_at: datetime
