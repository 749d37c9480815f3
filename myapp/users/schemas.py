"""The schemas of users: the same for HTTP and for the services."""

from datetime import datetime
from typing import Annotated
from uuid import UUID

from pydantic import MISSING, AfterValidator, BaseModel, ConfigDict, Field, StringConstraints

from ..platform.context.claims import MAX_NAME
from ..platform.partial import PartialUpdate
from ..platform.text import single_line, visible_line

FullName = Annotated[
    str, StringConstraints(strip_whitespace=True, min_length=1, max_length=MAX_NAME), AfterValidator(visible_line)
]
Phone = Annotated[
    str, StringConstraints(strip_whitespace=True, min_length=3, max_length=20, pattern=r"^[0-9 +().\-/]*$")
]


SearchText = Annotated[str, StringConstraints(min_length=1, max_length=100), AfterValidator(single_line)]

OLDEST_FIRST = "created_at"


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

    name: FullName | MISSING | None = MISSING
    phone: Phone | MISSING | None = MISSING


class UserUpdate(BaseModel):
    model_config = ConfigDict(strict=True, extra="forbid", revalidate_instances="always")

    is_active: bool


class UserResponse(BaseModel):
    """``subject`` is the claim ``sub`` of the user's tokens."""

    model_config = ConfigDict(from_attributes=True)

    id: UUID
    subject: str
    email: str | None
    name: str | None
    phone: str | None
    is_active: bool
    created_at: datetime
    updated_at: datetime
