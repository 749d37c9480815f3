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

from ..errors import DomainError, StartupError
from ..pico.replacing import replaces
from ..text import error_summary, shown
from .checks import AccessTokenChecks
from .keys import IssuerKeys
from .published import PUBLIC_KEY_ALGORITHMS, PublishedKey
from .refusals import Refusal, Refusals
from .settings import AuthSettings

NOT_VALID = "The token is not valid."


@dataclass(frozen=True, slots=True)
class VerifiedToken:
    kid: str | None
    key: PublishedKey
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
        self._issuers = [settings.issuer, *auth.further_issuers]
        self._refusals = Refusals()
        self._checks = AccessTokenChecks([settings.audience, *auth.further_audiences], auth, self._refusals)
        self._leeway = auth.leeway
        self._algorithms = settings.accepted_algorithms
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
                raise self._refusals.refuse(
                    "The token was revoked.", "jti", "one that is not revoked", verified.claims.jti
                )
        except (AuthClientError, DomainError):
            raise
        except Exception as error:
            raise self._refusals.refuse(
                "The token is malformed.", "form", "a signed JWT", error_summary(error)
            ) from error
        return verified.claims, verified.raw

    async def _is_current(self, verified: VerifiedToken) -> bool:
        if time.time() >= verified.expires_at:
            return False
        try:
            return await self._keys.signing_key(verified.kid) is verified.key
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
        self._checks.check_type("header typ", header.get("typ"))
        kid = header.get("kid")
        try:
            key = await self._keys.signing_key(kid)
        except KeyError:
            received = {"kid": kid, "iss": unverified_claims(token).get("iss")}
            detail = "The token was signed with an unknown key."
            raise self._refusals.refuse(detail, "kid", self._keys.names, received) from None
        try:
            try:
                raw = self._decode(token, header, key)
            except jwt.InvalidSignatureError:
                newer = await self._keys.newer_key(kid, key)
                if newer is None:
                    raise
                key, raw = newer, self._decode(token, header, newer)
        except jwt.PyJWTError as error:
            self._refusals.tell(*self._explain(error, token, key))
            if isinstance(error, jwt.ExpiredSignatureError):
                raise TokenExpiredError("The token has expired.") from error
            raise TokenInvalidError(NOT_VALID) from error
        self._checks.check_claims(raw)
        return VerifiedToken(kid, key, raw["exp"] + self._leeway, claims_of(raw), raw)

    def _decode(self, token: str, header: dict[str, Any], key: PublishedKey) -> dict[str, Any]:
        """Return the claims. Raises unless the signature, the issuer and the times are right."""
        if header.get("alg") not in key.algorithms:
            raise self._refusals.refuse(NOT_VALID, "alg", key.algorithms or self._algorithms, header.get("alg"))
        claims: dict[str, Any] = jwt.decode(
            token,
            key.key,
            algorithms=key.algorithms,
            issuer=self._issuers,
            leeway=self._leeway,
            options={"require": ["exp", "iss", "sub"], "verify_aud": False},
        )
        return claims

    def _explain(self, error: jwt.PyJWTError, token: str, key: PublishedKey) -> Refusal:
        """Return which check of PyJWT failed."""
        claims, now = unverified_claims(token), int(time.time())
        match error:
            case jwt.InvalidSignatureError():
                return "signature", f"one of the key {shown(key.kid)}", "one of another key or another content"
            case jwt.MissingRequiredClaimError(claim=name):
                return name, "a value", claims.get(name)
            case jwt.ExpiredSignatureError():
                return "exp", f"more than {now - self._leeway}", claims.get("exp")
            case jwt.ImmatureSignatureError():
                received = {name: claims.get(name) for name in ("nbf", "iat")}
                return "nbf or iat", f"at most {now + self._leeway}", received
            case jwt.InvalidIssuerError():
                return "iss", self._issuers, claims.get("iss")
            case jwt.exceptions.InvalidSubjectError():
                return "sub", "a string", claims.get("sub")
            case jwt.exceptions.InvalidJTIError():
                return "jti", "a string", claims.get("jti")
        return "form", "a signed JWT", error_summary(error)


def unverified_claims(token: str) -> dict[str, Any]:
    """Return the claims of any token, for the log; none if they cannot be read."""
    try:
        claims: dict[str, Any] = jwt.decode(token, options={"verify_signature": False})
    except jwt.PyJWTError:
        return {}
    return claims


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
