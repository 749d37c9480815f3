from typing import Any, ClassVar

from .config import AuthClientSettings
from .jwks_client import JWKSClient
from .models import TokenClaims
from .revocation_cache import RevocationCache

def _get_unverified_headers(token: str) -> dict[str, Any]: ...

class TokenValidator:
    _pico_meta: ClassVar[dict[str, Any]]
    _settings: AuthClientSettings
    _jwks_client: JWKSClient
    _revocations: RevocationCache
    def __init__(
        self, settings: AuthClientSettings, jwks_client: JWKSClient, revocation_cache: RevocationCache
    ) -> None: ...
    async def validate(self, token: str) -> tuple[TokenClaims, dict[str, Any]]: ...
    async def _validate_rsa(self, token: str, headers: dict[str, Any]) -> dict[str, Any]: ...
    async def _validate_pqc(self, token: str, headers: dict[str, Any], alg: str) -> dict[str, Any]: ...
