from typing import Any, Protocol, runtime_checkable

from .models import TokenClaims

@runtime_checkable
class RoleResolver(Protocol):
    async def resolve(self, claims: TokenClaims, raw_claims: dict[str, Any]) -> list[str]: ...

class DefaultRoleResolver:
    async def resolve(self, claims: TokenClaims, raw_claims: dict[str, Any]) -> list[str]: ...
