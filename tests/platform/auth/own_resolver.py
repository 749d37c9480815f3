"""What a user of the project writes who has roles elsewhere than in the token."""

from typing import Any

from pico_client_auth import RoleResolver, TokenClaims
from pico_ioc import component


@component
class StaffListResolver(RoleResolver):
    async def resolve(self, claims: TokenClaims, raw_claims: dict[str, Any]) -> list[str]:
        return ["admin"] if claims.email.endswith("@staff.example") else []
