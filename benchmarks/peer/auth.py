"""Authentication: PyJWT in a dependency. The issuer's keys are parsed once and cached."""

import asyncio
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Annotated, Any

import httpx
import jwt
from fastapi import Depends, HTTPException, Request
from fastapi.security import HTTPAuthorizationCredentials, HTTPBearer

REALM = 'Bearer realm="products-api"'
READS_INACTIVE = {"admin", "product-manager"}

bearer = HTTPBearer(auto_error=False)


class IssuerKeys:
    """The keys of the issuer's jwks_uri. An unknown key id causes a new fetch, at most every ten seconds."""

    def __init__(self, issuer: str, ttl: float = 300, pause: float = 10) -> None:
        self.issuer, self.ttl, self.pause = issuer, ttl, pause
        self.keys: dict[str, jwt.PyJWK] = {}
        self.fetched_at = float("-inf")
        self.lock = asyncio.Lock()

    async def get(self, key_id: str) -> jwt.PyJWK | None:
        if key_id not in self.keys or self.age() > self.ttl:
            async with self.lock:
                if self.age() > (self.ttl if key_id in self.keys else self.pause):
                    await self.fetch()
        return self.keys.get(key_id)

    def age(self) -> float:
        return time.monotonic() - self.fetched_at

    async def fetch(self) -> None:
        async with httpx.AsyncClient(timeout=5) as client:
            try:
                discovery = await client.get(f"{self.issuer}/.well-known/openid-configuration")
                response = await client.get(discovery.raise_for_status().json()["jwks_uri"])
                found = jwt.PyJWKSet.from_dict(response.raise_for_status().json()).keys
            except (httpx.HTTPError, ValueError, KeyError, jwt.PyJWKSetError) as error:
                if not self.keys:
                    raise HTTPException(503, "The issuer cannot be reached.", {"Retry-After": "5"}) from error
                found = []
        self.keys = {key.key_id: key for key in found if key.key_id} or self.keys
        self.fetched_at = time.monotonic()


@dataclass(frozen=True)
class Caller:
    subject: str
    roles: frozenset[str]


def roles_of(claims: dict[str, Any]) -> frozenset[str]:
    role, roles = claims.get("role"), claims.get("roles")
    names = [role, *roles] if isinstance(roles, list) else [role]
    return frozenset(name for name in names if isinstance(name, str))


def unauthorized(detail: str, challenge: str = REALM) -> HTTPException:
    return HTTPException(401, detail, {"WWW-Authenticate": challenge})


async def authenticated(
    request: Request, credentials: Annotated[HTTPAuthorizationCredentials | None, Depends(bearer)]
) -> Caller:
    if credentials is None:
        raise unauthorized("A bearer token is required.")
    settings, token = request.app.state.settings, credentials.credentials
    try:
        key = await request.app.state.issuer_keys.get(jwt.get_unverified_header(token).get("kid", ""))
        if key is None:
            raise jwt.InvalidKeyError("unknown key")
        claims = jwt.decode(
            token,
            key,
            algorithms=["RS256"],
            issuer=settings.issuer,
            audience=settings.audience,
            leeway=30,
            options={"require": ["exp", "iss", "aud", "sub"]},
        )
    except jwt.PyJWTError as error:
        raise unauthorized("The token is not valid.", f'{REALM}, error="invalid_token"') from error
    request.state.subject = claims["sub"]
    return Caller(claims["sub"], roles_of(claims))


def requires_role(role: str) -> Callable[..., Any]:
    async def check(caller: Annotated[Caller, Depends(authenticated)]) -> Caller:
        if role not in caller.roles:
            raise forbidden()
        return caller

    return check


def forbidden() -> HTTPException:
    challenge = f'{REALM}, error="insufficient_scope"'
    return HTTPException(403, "The caller may not do this.", {"WWW-Authenticate": challenge})
