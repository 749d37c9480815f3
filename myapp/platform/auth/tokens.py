"""Verify bearer tokens and read their claims (RFC 8725, RFC 9068)."""

import hashlib
import time
from dataclasses import dataclass
from typing import Any

import jwt
from pico_client_auth import TokenClaims
from pico_client_auth.config import AuthClientSettings
from pico_client_auth.errors import AuthClientError, TokenExpiredError, TokenInvalidError
from pico_client_auth.jwks_client import JWKSClient
from pico_client_auth.revocation_cache import RevocationCache
from pico_client_auth.token_validator import TokenValidator

from ..context.claims import MAX_SUBJECT
from ..errors import DomainError, StartupError
from ..pico.replacing import replaces
from ..text import is_storable
from .keys import IssuerKeys
from .settings import AuthSettings

ALGORITHMS = set(jwt.algorithms.get_default_algorithms())
PUBLIC_KEY_ALGORITHMS = {name for name in ALGORITHMS if name != "none" and not name.startswith("HS")}
ACCESS_TOKEN_TYPES = {None, "jwt", "at+jwt", "application/at+jwt"}
"""Values of the header ``typ`` that an access token may have. Other values mark tokens for another use."""


@dataclass(frozen=True, slots=True)
class VerifiedToken:
    key: jwt.PyJWK
    expires_at: float
    claims: TokenClaims
    raw: dict[str, Any]


@replaces(TokenValidator)
class AccessTokenValidator(TokenValidator):
    """Verify access tokens. Remember each by its hash, until it expires or its key is no longer published.

    pico-client-auth 0.7.1 answers 500 to malformed headers and claims, allows no leeway for clocks, accepts any kind
    of token, and verifies the same token again for each request.
    """

    def __init__(
        self,
        settings: AuthClientSettings,
        jwks_client: JWKSClient,
        revocation_cache: RevocationCache,
        auth: AuthSettings,
    ) -> None:
        super().__init__(settings, jwks_client, revocation_cache)
        assert isinstance(jwks_client, IssuerKeys)
        self._keys = jwks_client
        self._revoked = revocation_cache.is_revoked
        self._issuer = settings.issuer
        self._audience = settings.audience
        self._leeway = auth.leeway
        self._algorithms = list(settings.accepted_algorithms)
        self._cache_size = auth.token_cache_size
        self._cache: dict[bytes, VerifiedToken] = {}
        if not self._algorithms or not PUBLIC_KEY_ALGORITHMS.issuperset(self._algorithms):
            raise StartupError(
                "auth_client.accepted_algorithms (AUTH_CLIENT__ACCEPTED_ALGORITHMS): must name one or more of "
                + ", ".join(sorted(PUBLIC_KEY_ALGORITHMS))
            )

    async def validate(self, token: str) -> tuple[TokenClaims, dict[str, Any]]:
        """Return the typed and the raw claims.

        Raises TokenInvalidError, TokenExpiredError, or IssuerUnavailableError when there are no keys at all.
        """
        digest = hashlib.sha256(token.encode("utf-8", "surrogatepass")).digest()
        try:
            verified = self._cache.get(digest)
            if verified is None or not await self._is_current(verified):
                self._cache.pop(digest, None)
                verified = await self._verify(token)
                self._remember(digest, verified)
            if await self._revoked(verified.claims.jti):
                raise TokenInvalidError("The token was revoked.")
        except (AuthClientError, DomainError):
            raise
        except Exception as error:
            raise TokenInvalidError("The token is malformed.") from error
        return verified.claims, verified.raw

    async def _is_current(self, verified: VerifiedToken) -> bool:
        if time.time() >= verified.expires_at or verified.key.key_id is None:
            return False
        try:
            return await self._keys.signing_key(verified.key.key_id) is verified.key
        except KeyError:
            return False

    def _remember(self, digest: bytes, verified: VerifiedToken) -> None:
        if len(self._cache) >= self._cache_size:
            if not self._cache_size:
                return
            del self._cache[next(iter(self._cache))]  # the oldest entry
        self._cache[digest] = verified

    async def _verify(self, token: str) -> VerifiedToken:
        header = jwt.get_unverified_header(token)
        if self._type_of(header) not in ACCESS_TOKEN_TYPES:
            raise TokenInvalidError("The token is not an access token.")
        try:
            key = await self._keys.signing_key(header.get("kid", ""))
        except KeyError:
            raise TokenInvalidError("The token was signed with an unknown key.") from None
        raw = self._decode(token, key)
        return VerifiedToken(key, raw["exp"] + self._leeway, claims_of(raw), raw)

    @staticmethod
    def _type_of(header: dict[str, Any]) -> Any:
        kind = header.get("typ")
        return kind.lower() if isinstance(kind, str) else kind

    def _decode(self, token: str, key: jwt.PyJWK) -> dict[str, Any]:
        try:
            raw: dict[str, Any] = jwt.decode(
                token,
                key,
                algorithms=self._algorithms,
                audience=self._audience,
                issuer=self._issuer,
                leeway=self._leeway,
                options={"require": ["exp", "iss", "aud", "sub"]},
            )
        except jwt.ExpiredSignatureError as error:
            raise TokenExpiredError("The token has expired.") from error
        except jwt.PyJWTError as error:
            raise TokenInvalidError("The token is not valid.") from error
        if not raw["sub"]:
            raise TokenInvalidError("The token has no subject.")
        if len(raw["sub"]) > MAX_SUBJECT or not is_storable(raw["sub"]):
            raise TokenInvalidError("The token's subject is too long or cannot be stored.")
        # In Keycloak this claim is the kind of the token: Bearer, ID, Refresh, Offline …
        if str(raw.get("typ", "bearer")).lower() not in ("bearer", "jwt", "at+jwt"):
            raise TokenInvalidError("The token is not an access token.")
        return raw


def claims_of(raw: dict[str, Any]) -> TokenClaims:
    """Return the typed claims. A claim of the wrong type counts as absent."""

    def text(name: str) -> str:
        value = raw.get(name)
        return value if isinstance(value, str) else ""

    groups = raw.get("groups")
    return TokenClaims(
        sub=text("sub"),
        email=text("email"),
        role=text("role"),
        org_id=text("org_id"),
        jti=text("jti"),
        groups=tuple(group for group in groups if isinstance(group, str)) if isinstance(groups, list) else (),
    )
