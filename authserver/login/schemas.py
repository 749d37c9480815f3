"""What a login looks like over HTTP."""

from typing import Annotated, Literal

from pydantic import AfterValidator, BaseModel, ConfigDict, StringConstraints

from myapp.platform.text import without_nul

from ..users.schemas import MAX_PASSWORD, MAX_USERNAME


class LoginRequest(BaseModel):
    """Bounds only: that a name or a password cannot be a user's is not told."""

    model_config = ConfigDict(strict=True, extra="forbid", hide_input_in_errors=True)

    username: Annotated[str, StringConstraints(min_length=1, max_length=MAX_USERNAME), AfterValidator(without_nul)]
    password: Annotated[str, StringConstraints(min_length=1, max_length=MAX_PASSWORD), AfterValidator(without_nul)]


class TokenResponse(BaseModel):
    """``expires_in`` is in seconds."""

    access_token: str
    token_type: Literal["Bearer"] = "Bearer"
    expires_in: int


class TokenError(BaseModel):
    """RFC 6749 §5.2."""

    error: str
    error_description: str
