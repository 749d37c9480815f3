"""What a user may look like, whoever makes one."""

from typing import Annotated

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, StringConstraints
from pydantic_core import PydanticCustomError

from myapp.platform.text import without_nul

MAX_USERNAME = 100
MIN_PASSWORD = 8
MAX_PASSWORD = 200


def printable(value: str) -> str:
    if not value.isprintable():
        raise PydanticCustomError("not_printable", "String should contain printable characters only")
    return value


def without_repetition(roles: list[str]) -> list[str]:
    return list(dict.fromkeys(roles))


Username = Annotated[
    str,
    StringConstraints(min_length=1, max_length=MAX_USERNAME, pattern=r"^\S(.*\S)?$"),
    AfterValidator(printable),
]
Email = Annotated[str, StringConstraints(max_length=254, pattern=r"^[^\s@]+@[^\s@]+$"), AfterValidator(printable)]
FullName = Annotated[str, StringConstraints(min_length=1, max_length=100), AfterValidator(printable)]
# A name with a colon is a permission (products:delete), which is never a role.
Role = Annotated[str, StringConstraints(min_length=1, max_length=50, pattern=r"^[^\s:,]+$"), AfterValidator(printable)]
Roles = Annotated[list[Role], Field(min_length=1, max_length=20), AfterValidator(without_repetition)]
Password = Annotated[
    str, StringConstraints(min_length=MIN_PASSWORD, max_length=MAX_PASSWORD), AfterValidator(without_nul)
]


class UserData(BaseModel):
    """A new user. Names are told apart without regard to case; the first role is the one that a token's claim
    ``role`` has."""

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
