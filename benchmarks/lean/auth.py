"""Authentication: PyJWT in a dependency, with keys that PyJWT's own client caches."""

from collections.abc import Callable
from typing import Annotated, Any

import jwt
from fastapi import Depends, HTTPException
from fastapi.security import HTTPAuthorizationCredentials, HTTPBearer

from benchmarks.lean.settings import AUDIENCE, ISSUER

bearer = HTTPBearer(auto_error=False)
keys = jwt.PyJWKClient(f"{ISSUER}/jwks.json", cache_keys=True)


async def claims_of(credentials: Annotated[HTTPAuthorizationCredentials | None, Depends(bearer)]) -> dict[str, Any]:
    if credentials is None:
        raise HTTPException(401, "Not authenticated", {"WWW-Authenticate": "Bearer"})
    try:
        key = keys.get_signing_key_from_jwt(credentials.credentials)
        return jwt.decode(credentials.credentials, key, algorithms=["RS256"], issuer=ISSUER, audience=AUDIENCE)
    except jwt.PyJWTError as error:
        raise HTTPException(401, "Invalid token", {"WWW-Authenticate": "Bearer"}) from error


def requires_role(role: str) -> Callable[..., Any]:
    async def check(claims: Annotated[dict[str, Any], Depends(claims_of)]) -> None:
        if claims.get("role") != role and role not in claims.get("roles", []):
            raise HTTPException(403, "Forbidden")

    return check
