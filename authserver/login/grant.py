"""OAuth 2.0's password grant (RFC 6749 §4.3): its requests and its errors."""

from collections.abc import Mapping
from urllib.parse import parse_qsl

from fastapi.responses import JSONResponse, Response
from pydantic import ValidationError

from myapp.platform.errors import DomainError, UnavailableError

from .errors import LoginLockedError
from .schemas import LoginRequest, TokenError

GRANT_TYPE = "password"
MEDIA_TYPE = "application/x-www-form-urlencoded"
MAX_FIELDS = 20


class GrantError(Exception):
    """A token request that is refused before the password is checked. ``code`` is one of RFC 6749 §5.2."""

    def __init__(self, code: str, message: str) -> None:
        super().__init__(message)
        self.code = code


def login_request(media_type: str, body: bytes) -> LoginRequest:
    """Return the user name and the password of a token request. Raises GrantError.

    Unknown fields are ignored (RFC 6749 §3.2), also ``scope`` and ``client_id``, which Swagger UI sends: tokens have no
    scopes here, and clients need no registration.
    """
    form = fields(media_type, body)
    if "grant_type" not in form:
        raise GrantError("invalid_request", "grant_type is missing.")
    if form["grant_type"] != GRANT_TYPE:
        raise GrantError("unsupported_grant_type", "The only grant_type here is password.")
    try:
        return LoginRequest.model_validate({name: form[name] for name in LoginRequest.model_fields if name in form})
    except ValidationError as error:
        faults = (f"{fault['loc'][0]}: {fault['msg']}" for fault in error.errors(include_input=False))
        raise GrantError("invalid_request", "; ".join(faults)) from None


def fields(media_type: str, body: bytes) -> Mapping[str, str]:
    """Return the fields of a form. One without a value counts as absent (RFC 6749 §3.2). Raises GrantError."""
    if media_type.partition(";")[0].strip().lower() != MEDIA_TYPE:
        raise GrantError("invalid_request", f"The body must be {MEDIA_TYPE}.")
    try:
        pairs = parse_qsl(
            body.decode(), keep_blank_values=True, strict_parsing=True, errors="strict", max_num_fields=MAX_FIELDS
        )
    except ValueError:
        raise GrantError("invalid_request", "The body is not a valid form.") from None
    form = dict(pairs)
    if len(form) < len(pairs):
        raise GrantError("invalid_request", "A field is repeated.")
    return {name: value for name, value in form.items() if value}


def refusal(error: DomainError | GrantError) -> Response:
    """Return the answer to a token request that failed (RFC 6749 §5.2)."""
    headers = {"Cache-Control": "no-store", "Pragma": "no-cache"}
    if isinstance(error, GrantError):
        status, code = 400, error.code
    elif isinstance(error, LoginLockedError | UnavailableError):
        # The RFC has no code for this case at the token endpoint. This is its code for the authorization endpoint.
        status, code = error.status, "temporarily_unavailable"
        headers["Retry-After"] = str(error.retry_after)
    else:
        status, code = 400, "invalid_grant"
    content = TokenError(error=code, error_description=str(error).replace('"', "'").replace("\\", "/"))
    return JSONResponse(content.model_dump(), status, headers)
