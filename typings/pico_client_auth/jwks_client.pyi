from typing import Any, ClassVar

from .config import AuthClientSettings

_LOCAL_HOSTS: tuple[str, ...]

def _require_https(url: str) -> None: ...

class JWKSClient:
    _pico_meta: ClassVar[dict[str, Any]]
    _settings: AuthClientSettings
    _keys: dict[str, dict[str, Any]]
    _fetched_at: float
    _endpoint: str
    def __init__(self, settings: AuthClientSettings) -> None: ...
    def _is_expired(self) -> bool: ...
    async def _fetch_keys(self) -> None: ...
    async def get_key(self, kid: str) -> dict[str, Any]: ...
