"""The schemas of a login."""

from typing import Annotated, Literal

from pydantic import AfterValidator, BaseModel, ConfigDict, StringConstraints

from myapp.platform.text import without_nul

from ..users.schemas import MAX_PASSWORD, MAX_USERNAME


class LoginRequest(BaseModel):
    """Check lengths only. The answer must not show whether such a user can exist."""

    model_config = ConfigDict(strict=True, extra="forbid", hide_input_in_errors=True)

    username: Annotated[str, StringConstraints(min_length=1, max_length=MAX_USERNAME), AfterValidator(without_nul)]
    password: Annotated[str, StringConstraints(min_length=1, max_length=MAX_PASSWORD), AfterValidator(without_nul)]


class TokenResponse(BaseModel):
    """``expires_in`` is in seconds."""

    access_token: str
    token_type: Literal["Bearer"] = "Bearer"
    expires_in: int


class TokenError(BaseModel):
    """An error of the token endpoint (RFC 6749 §5.2)."""

    error: str
    error_description: str
