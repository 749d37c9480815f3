"""The issuer's list of revoked tokens, if one is configured."""

import asyncio
import logging
import time

from pico_client_auth.config import AuthClientSettings
from pico_client_auth.revocation_cache import RevocationCache

from ..pico.replacing import replaces
from ..text import error_summary
from .discovery import fetch_json, issuer_client, require_secure
from .settings import AuthSettings

logger = logging.getLogger(__name__)


@replaces(RevocationCache)
class RevokedTokens(RevocationCache):
    """Fetch and keep the ids of revoked tokens.

    pico-client-auth 0.7.1 sends the request, with its bearer token, to a proxy of the environment even by plain http,
    and checks the URL only when a token comes. An answer of another form makes each token fetch it again.

    While the list cannot be fetched, every token with an id counts as revoked, unless
    ``auth_client.revocation_fail_open`` is set.
    """

    def __init__(self, settings: AuthClientSettings, auth: AuthSettings) -> None:
        # Not super().__init__(): this class does not use its state.
        self._endpoint = settings.revocation_endpoint
        self._headers = {"Authorization": f"Bearer {settings.revocation_bearer}"} if settings.revocation_bearer else {}
        self._ttl = max(1, settings.revocation_ttl_seconds)
        self._fail_open = settings.revocation_fail_open
        self._timeout = auth.jwks_timeout
        self._ids: frozenset[str] = frozenset()
        self._is_known = False
        self._fresh_until = 0.0
        self._lock = asyncio.Lock()
        if settings.enabled and self._endpoint:
            require_secure(self._endpoint, "auth_client.revocation_endpoint", auth.insecure_hosts)

    @property
    def enabled(self) -> bool:
        return bool(self._endpoint)

    async def is_revoked(self, jti: str) -> bool:
        """Return whether the token with the id ``jti`` was revoked. A token without an id never was."""
        if not self._endpoint or not jti:
            return False
        if time.monotonic() >= self._fresh_until:
            async with self._lock:
                if time.monotonic() >= self._fresh_until:
                    await self._refresh()
        return jti in self._ids or not (self._is_known or self._fail_open)

    async def force_refresh(self) -> None:
        async with self._lock:
            await self._refresh()

    async def _refresh(self) -> None:
        try:
            async with asyncio.timeout(self._timeout), issuer_client(self._timeout) as client:
                items = (await fetch_json(self._endpoint, client, self._headers)).get("items") or ()
                self._ids = frozenset(str(item["jti"]) for item in items if item.get("jti"))
            self._is_known = True
        except Exception as error:
            self._is_known = False
            logger.warning("cannot fetch the list of revoked tokens: %s", error_summary(error))
        self._fresh_until = time.monotonic() + self._ttl
