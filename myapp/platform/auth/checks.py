"""What makes a token with a good signature an access token for this service."""

from collections.abc import Collection, Sequence
from typing import Any

from ..context.claims import MAX_SUBJECT
from ..text import is_storable
from .refusals import Refusals
from .settings import AuthSettings

ACCESS_TOKEN_TYPES = ("at+jwt", "jwt", "bearer")
"""Values of ``typ``, in header and claims, that an access token may have. Other values mark tokens for another use."""

TOKEN_USES = ("access", "access_token")

ID_TOKEN_CLAIMS = ("at_hash", "c_hash", "s_hash")
"""Hashes of the access token, the code and the state that an ID token was issued with (OpenID Connect Core, FAPI)."""

NO_ACCESS_TOKEN = "The token is not an access token."


class AccessTokenChecks:
    """Check the claims that PyJWT does not check as this service needs it. Each check raises TokenInvalidError."""

    def __init__(self, audiences: Sequence[str], settings: AuthSettings, refusals: Refusals) -> None:
        self._audiences = audiences
        self._audience_claims = settings.audience_claims
        self._refusals = refusals

    def check_claims(self, claims: dict[str, Any]) -> None:
        self._check_audience(claims)
        self._check_subject(claims["sub"])
        self._check_use(claims)
        if not isinstance(claims["exp"], int | float):  # PyJWT accepts text
            raise self._refusals.refuse("The token is malformed.", "exp", "a number", claims["exp"])

    def check_type(self, check: str, value: object, access: Collection[str] = ACCESS_TOKEN_TYPES) -> None:
        """Refuse a kind of token other than ``access``. It may be missing, or a media type (RFC 7515 §4.1.9)."""
        if value is None:
            return
        if not isinstance(value, str) or value.lower().removeprefix("application/") not in access:
            raise self._refusals.refuse(NO_ACCESS_TOKEN, check, access, value)

    def _check_audience(self, claims: dict[str, Any]) -> None:
        """Refuse a token for others. The first of ``auth.audience_claims`` that the token has decides."""
        name = next((name for name in self._audience_claims if name in claims), self._audience_claims[0])
        value = claims.get(name)
        named = value if isinstance(value, list) else [value]
        if not all(isinstance(item, str) for item in named) or not any(item in self._audiences for item in named):
            raise self._refusals.refuse("The token is not valid.", name, self._audiences, value)

    def _check_subject(self, subject: str) -> None:
        if not subject:
            raise self._refusals.refuse("The token has no subject.", "sub", "a value", subject)
        if len(subject) > MAX_SUBJECT or not is_storable(subject):
            detail = "The token's subject is too long or cannot be stored."
            raise self._refusals.refuse(detail, "sub", f"up to {MAX_SUBJECT} characters that can be stored", subject)

    def _check_use(self, claims: dict[str, Any]) -> None:
        """Refuse what is marked as an ID token, a refresh token, a logout token or another event (RFC 8417)."""
        self.check_type("typ", claims.get("typ"))  # Keycloak: Bearer, ID, Refresh, Offline, Logout …
        self.check_type("token_use", claims.get("token_use"), TOKEN_USES)  # Amazon Cognito: access or id
        if marks := [name for name in ID_TOKEN_CLAIMS if name in claims]:
            raise self._refusals.refuse(NO_ACCESS_TOKEN, "claims", "no mark of an ID token", marks)
        if isinstance(claims.get("events"), dict):
            raise self._refusals.refuse(NO_ACCESS_TOKEN, "claims", "no mark of an event", ["events"])
