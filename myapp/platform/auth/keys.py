"""The issuer's public keys: found by discovery, fetched once for any number of callers, kept while it is down."""

import asyncio
import logging
import time
from typing import Any

import jwt
from pico_client_auth.config import AuthClientSettings
from pico_client_auth.jwks_client import JWKSClient

from ..errors import IssuerUnavailableError
from ..pico.replacing import replaces
from .discovery import client_for, discover, require_secure
from .settings import AuthSettings

logger = logging.getLogger(__name__)


@replaces(JWKSClient)
class IssuerKeys(JWKSClient):
    """pico-client-auth 0.7.1 fetches for every unknown ``kid`` and every caller at once, fails when a refresh does
    although its keys are still good, and rebuilds a key for each token.

    A fetch follows another after ``auth.jwks_refresh_pause`` seconds at the earliest, whoever asks; that is how late
    a new key can be seen. Keys are refreshed when ``auth_client.jwks_ttl_seconds`` have passed and a token comes;
    if that fails, the old ones stay.
    """

    def __init__(self, settings: AuthClientSettings, auth: AuthSettings) -> None:
        # Not super().__init__(): its state and its guess of the endpoint are not used.
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
                require_secure(settings.issuer, "auth_client.issuer", auth.insecure_hosts)
            if settings.jwks_endpoint:
                require_secure(settings.jwks_endpoint, "auth_client.jwks_endpoint", auth.insecure_hosts)

    async def get_key(self, kid: str) -> dict[str, Any]:
        """The JWK named ``kid``. Raises KeyError, or IssuerUnavailableError when there are no keys at all."""
        await self._find(kid)
        return self._raw[kid]

    async def signing_key(self, kid: str) -> jwt.PyJWK:
        """The parsed key named ``kid``, the same object until the issuer changes it. Raises as ``get_key``."""
        key = self._parsed.get(kid)
        if key is not None and time.monotonic() < self._fresh_until:
            return key
        await self._find(kid)
        return self._parsed[kid]

    async def ready(self) -> bool:
        """Whether there are keys to check a token with."""
        if not self._parsed:
            await self._refresh()
        return bool(self._parsed)

    async def _find(self, kid: str) -> None:
        if kid not in self._parsed:
            await self._refresh()
        elif time.monotonic() >= self._fresh_until and not self._lock.locked():
            await self._refresh()  # one request waits for it; the others go on with the keys there are
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
                # From the end of the fetch, so that those who waited for it do not repeat it. With no key at all nobody
                # can be served: then it is worth asking each second.
                pause = self._auth.jwks_refresh_pause if self._parsed else min(1.0, self._auth.jwks_refresh_pause)
                self._pause_until = time.monotonic() + pause

    async def _fetch(self) -> list[Any]:
        async with client_for(self._issuer, self._auth.jwks_timeout) as client:
            endpoint = self._endpoint or str((await discover(self._issuer, client))["jwks_uri"])
            require_secure(endpoint, "jwks_uri", self._auth.insecure_hosts)
            response = (await client.get(endpoint)).raise_for_status()
            keys = response.json()["keys"]
            if not isinstance(keys, list):
                raise TypeError("keys is not a list")
            return keys

    def _replace(self, keys: list[Any]) -> None:
        """Keys that cannot be used are left out; one that did not change stays the same object."""
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
            logger.warning("the issuer published no key that can be used; the old ones stay")
            return
        self._raw, self._parsed = raw, parsed
        self._fresh_until = time.monotonic() + self._ttl
