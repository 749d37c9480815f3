"""The issuer's public keys: found by discovery, fetched once for concurrent callers, kept while the issuer is down."""

import asyncio
import logging
import time
from typing import Any

import jwt
from pico_client_auth.config import AuthClientSettings
from pico_client_auth.jwks_client import JWKSClient

from ..errors import IssuerUnavailableError
from ..pico.replacing import replaces
from .discovery import discover, issuer_client, require_secure
from .settings import AuthSettings

logger = logging.getLogger(__name__)


@replaces(JWKSClient)
class IssuerKeys(JWKSClient):
    """Fetch and keep the issuer's keys.

    pico-client-auth 0.7.1 fetches for every unknown ``kid`` and for every concurrent caller. It fails when a refresh
    fails, although its keys are still good, and it parses the key again for each token.

    Two fetches are at least ``auth.jwks_refresh_pause`` seconds apart, so a new key can be unknown for that long.
    The first token after ``auth_client.jwks_ttl_seconds`` triggers a refresh. If that fails, the old keys stay.
    """

    def __init__(self, settings: AuthClientSettings, auth: AuthSettings) -> None:
        # Not super().__init__(): this class does not use its state, nor its guess of the endpoint.
        self._issuer = settings.issuer
        self._endpoint = settings.jwks_endpoint
        self._ttl = settings.jwks_ttl_seconds
        self._auth = auth
        self._raw: dict[str, dict[str, Any]] = {}
        self._parsed: dict[str, jwt.PyJWK] = {}
        self._fresh_until = 0.0
        self._pause_until = 0.0
        self._lock = asyncio.Lock()
        if settings.enabled:
            if settings.issuer:
                is_base = not settings.jwks_endpoint
                require_secure(settings.issuer, "auth_client.issuer", auth.insecure_hosts, is_base=is_base)
            if settings.jwks_endpoint:
                require_secure(settings.jwks_endpoint, "auth_client.jwks_endpoint", auth.insecure_hosts)

    async def get_key(self, kid: str) -> dict[str, Any]:
        """Return the JWK named ``kid``. Raises KeyError, or IssuerUnavailableError when there are no keys at all."""
        await self._ensure_keys(kid)
        return self._raw[kid]

    async def signing_key(self, kid: str) -> jwt.PyJWK:
        """Return the parsed key named ``kid``, the same object until the issuer changes it. Raises as ``get_key``."""
        key = self._parsed.get(kid)
        if key is not None and time.monotonic() < self._fresh_until:
            return key
        await self._ensure_keys(kid)
        return self._parsed[kid]

    async def has_keys(self) -> bool:
        """Return whether there are keys to check a token with. Without any, try to fetch them first."""
        if not self._parsed:
            await self._refresh()
        return bool(self._parsed)

    async def _ensure_keys(self, kid: str) -> None:
        """Refresh the keys if they are old or ``kid`` is unknown. Raises IssuerUnavailableError without any key."""
        if kid not in self._parsed:
            await self._refresh()
        elif time.monotonic() >= self._fresh_until and not self._lock.locked():
            await self._refresh()  # one request waits for it; the others use the old keys
        if not self._parsed:
            raise IssuerUnavailableError

    async def _refresh(self) -> None:
        async with self._lock:
            if time.monotonic() < self._pause_until:
                return
            try:
                async with asyncio.timeout(self._auth.jwks_timeout):
                    self._replace(await self._fetch())
            except Exception as error:
                logger.warning("cannot fetch the issuer's keys: %s: %s", type(error).__name__, error)
            finally:
                # The pause begins at the end of the fetch, so that callers who waited for it do not repeat it. Without
                # any key no caller can be served, so the next fetch may come after a second.
                pause = self._auth.jwks_refresh_pause if self._parsed else min(1.0, self._auth.jwks_refresh_pause)
                self._pause_until = time.monotonic() + pause

    async def _fetch(self) -> list[Any]:
        async with issuer_client(self._auth.jwks_timeout) as client:
            endpoint = self._endpoint or str((await discover(self._issuer, client))["jwks_uri"])
            require_secure(endpoint, "jwks_uri", self._auth.insecure_hosts)
            response = (await client.get(endpoint)).raise_for_status()
            keys = response.json()["keys"]
            if not isinstance(keys, list):
                raise TypeError("keys is not a list")
            return keys

    def _replace(self, keys: list[Any]) -> None:
        """Store ``keys`` but for those that cannot be used. A key that did not change stays the same object."""
        raw: dict[str, dict[str, Any]] = {}
        parsed: dict[str, jwt.PyJWK] = {}
        for key in keys:
            try:
                kid = key["kid"]
                if not isinstance(kid, str) or key.get("use", "sig") != "sig" or key.get("kty") == "oct":
                    continue
                parsed[kid] = self._parsed[kid] if self._raw.get(kid) == key else jwt.PyJWK(key)
                raw[kid] = key
            except (TypeError, KeyError, AttributeError, jwt.PyJWTError) as error:
                logger.warning("a key of the issuer cannot be used: %s", type(error).__name__)
        if not parsed:
            logger.warning("the issuer published no usable key; the old keys stay")
            return
        self._raw, self._parsed = raw, parsed
        self._fresh_until = time.monotonic() + self._ttl
