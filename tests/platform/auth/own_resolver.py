"""An example of a resolver for a project whose roles are not in the token."""

from typing import Any

from pico_client_auth import RoleResolver, TokenClaims
from pico_ioc import component


@component
class StaffListResolver(RoleResolver):
    async def resolve(self, claims: TokenClaims, raw_claims: dict[str, Any]) -> list[str]:
        return ["admin"] if claims.email.endswith("@staff.example") else []
