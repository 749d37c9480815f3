"""The schemas of users."""

from typing import Annotated

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, StringConstraints
from pydantic_core import PydanticCustomError

from myapp.platform.text import visible_line, without_nul

MAX_USERNAME = 100
MIN_PASSWORD = 8
MAX_PASSWORD = 200


def require_printable(value: str) -> str:
    if not value.isprintable():
        raise PydanticCustomError("not_printable", "String should contain printable characters only")
    return value


def without_duplicates(roles: list[str]) -> list[str]:
    return list(dict.fromkeys(roles))


Username = Annotated[
    str,
    StringConstraints(min_length=1, max_length=MAX_USERNAME, pattern=r"^\S(.*\S)?$"),
    AfterValidator(require_printable),
    AfterValidator(visible_line),
]
Email = Annotated[
    str, StringConstraints(max_length=254, pattern=r"^[^\s@]+@[^\s@]+$"), AfterValidator(require_printable)
]
FullName = Annotated[
    str,
    StringConstraints(min_length=1, max_length=100),
    AfterValidator(require_printable),
    AfterValidator(visible_line),
]
# A name with a colon is a permission (products:delete), never a role.
Role = Annotated[
    str, StringConstraints(min_length=1, max_length=50, pattern=r"^[^\s:,]+$"), AfterValidator(require_printable)
]
Roles = Annotated[list[Role], Field(min_length=1, max_length=20), AfterValidator(without_duplicates)]
Password = Annotated[
    str, StringConstraints(min_length=MIN_PASSWORD, max_length=MAX_PASSWORD), AfterValidator(without_nul)
]


class UserData(BaseModel):
    """A new user. The first role becomes the claim ``role`` of the user's tokens."""

    model_config = ConfigDict(strict=True, extra="forbid")

    username: Username
    email: Email
    name: FullName
    roles: Roles
    password: Password


class UserRoles(BaseModel):
    model_config = ConfigDict(strict=True, extra="forbid")

    roles: Roles


class UserPassword(BaseModel):
    model_config = ConfigDict(strict=True, extra="forbid")

    password: Password
