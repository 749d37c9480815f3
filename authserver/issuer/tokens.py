"""Access tokens: JWTs as in RFC 9068, signed with RS256."""

import time
import uuid
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from joserfc import jwt
from pico_ioc import component

from ..keys.ring import ALGORITHM, KeyRing
from .settings import IssuerSettings


@dataclass(frozen=True)
class AccessToken:
    """``expires_in`` is in seconds."""

    access_token: str
    expires_in: int


@component
class TokenIssuer:
    def __init__(self, settings: IssuerSettings, keys: KeyRing) -> None:
        self._settings = settings
        self._keys = keys

    def issue(self, subject: str, email: str, name: str, roles: Sequence[str]) -> AccessToken:
        """Return a token for the user with the id ``subject``. The first role is also the claim ``role``."""
        key = self._keys.signing_key()
        now = int(time.time())
        claims: dict[str, Any] = {
            "iss": self._settings.url,
            "aud": self._settings.audience,
            "sub": subject,
            "iat": now,
            "exp": now + self._settings.token_lifetime,
            "jti": str(uuid.uuid4()),
            "email": email,
            "name": name,
            "role": roles[0],
            "roles": list(roles),
        }
        header = {"alg": ALGORITHM, "kid": key.kid, "typ": "at+jwt"}
        token = jwt.encode(header, claims, key.private, algorithms=[ALGORITHM])
        return AccessToken(token, self._settings.token_lifetime)
