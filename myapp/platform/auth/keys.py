"""The issuer's public keys: found by discovery, fetched once for concurrent callers, kept while the issuer is down."""

import asyncio
import logging
import time
from typing import Any

from jwt import PyJWTError
from pico_client_auth.config import AuthClientSettings
from pico_client_auth.jwks_client import JWKSClient

from ..errors import IssuerUnavailableError
from ..pico.replacing import replaces
from ..text import error_summary
from .discovery import discover, fetch_json, issuer_client, require_secure
from .published import PublishedKey, read_key
from .settings import AuthSettings

logger = logging.getLogger(__name__)


@replaces(JWKSClient)
class IssuerKeys(JWKSClient):
    """Fetch and keep the issuer's keys.

    pico-client-auth 0.7.1 fetches for every unknown ``kid`` and for every concurrent caller. It fails when a refresh
    fails, although its keys are still good, and it parses the key again for each token.

    A key needs no ``kid`` while it is the only key for the accepted algorithms, and nor does a token then.

    Two fetches are at least ``auth.jwks_refresh_pause`` seconds apart, so a new key can be unknown for that long.
    The first token after ``auth_client.jwks_ttl_seconds`` triggers a refresh. If that fails, the old keys stay.
    """

    def __init__(self, settings: AuthClientSettings, auth: AuthSettings) -> None:
        # Not super().__init__(): this class does not use its state, nor its guess of the endpoint.
        self._issuer = settings.issuer
        self._endpoint = settings.jwks_endpoint
        self._ttl = settings.jwks_ttl_seconds
        self._auth = auth
        self._accepted = frozenset(settings.accepted_algorithms)
        self._by_kid: dict[str | None, PublishedKey] = {}
        """The keys by ``kid``, and by None the key of tokens without one."""
        self._nameless: PublishedKey | None = None
        """The only key, if it has no ``kid``."""
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
        return (await self.signing_key(kid)).jwk

    async def signing_key(self, kid: str | None) -> PublishedKey:
        """Return the key of a token that names ``kid``, or none. Raises as ``get_key``.

        It is the same object until the issuer changes the key.
        """
        key = self._by_kid.get(kid, self._nameless)
        if key is not None and time.monotonic() < self._fresh_until:
            return key
        await self._ensure_keys(kid)
        key = self._by_kid.get(kid, self._nameless)
        if key is None:
            raise KeyError(kid)
        return key

    async def newer_key(self, kid: str | None, key: PublishedKey) -> PublishedKey | None:
        """Return the key that has replaced ``key`` for tokens that name ``kid``, or None.

        If ``key`` was taken only because there is no other, fetch the keys again first.
        """
        if kid is None or kid != key.kid:
            await self._refresh()
        newer = self._by_kid.get(kid, self._nameless)
        return None if newer is key else newer

    @property
    def names(self) -> list[str]:
        """The ``kid`` of each key."""
        return [kid for kid in self._by_kid if kid is not None]

    async def has_keys(self) -> bool:
        """Return whether there are keys to check a token with. Without any, try to fetch them first."""
        if not self._by_kid:
            await self._refresh()
        return bool(self._by_kid)

    async def _ensure_keys(self, kid: str | None) -> None:
        """Refresh the keys if they are old or ``kid`` is unknown. Raises IssuerUnavailableError without any key."""
        if self._by_kid.get(kid, self._nameless) is None:
            await self._refresh()
        elif time.monotonic() >= self._fresh_until and not self._lock.locked():
            await self._refresh()  # one request waits for it; the others use the old keys
        if not self._by_kid:
            raise IssuerUnavailableError

    async def _refresh(self) -> None:
        async with self._lock:
            if time.monotonic() < self._pause_until:
                return
            try:
                async with asyncio.timeout(self._auth.jwks_timeout):
                    self._replace(await self._fetch())
            except Exception as error:
                logger.warning("cannot fetch the keys of the issuer %s: %s", self._issuer, error_summary(error))
            finally:
                # The pause begins at the end of the fetch, so that callers who waited for it do not repeat it. Without
                # any key no caller can be served, so the next fetch may come after a second.
                pause = self._auth.jwks_refresh_pause if self._by_kid else min(1.0, self._auth.jwks_refresh_pause)
                self._pause_until = time.monotonic() + pause

    async def _fetch(self) -> list[Any]:
        async with issuer_client(self._auth.jwks_timeout) as client:
            endpoint = self._endpoint or str((await discover(self._issuer, client))["jwks_uri"])
            require_secure(endpoint, "jwks_uri", self._auth.insecure_hosts)
            keys = (await fetch_json(endpoint, client))["keys"]
            if not isinstance(keys, list):
                raise TypeError("keys is not a list")
            return keys

    def _replace(self, published: list[Any]) -> None:
        """Store the keys that can be used. A key that did not change stays the same object."""
        usable: list[PublishedKey] = []
        for jwk in published:
            try:
                known = self._by_kid.get(jwk.get("kid"))
                key = known if known and known.jwk == jwk else read_key(jwk, self._accepted)
            except (TypeError, KeyError, ValueError, AttributeError, PyJWTError) as error:
                logger.warning("a key of the issuer cannot be used: %s", type(error).__name__)
            else:
                usable += [key] if key else []
        fitting = [key for key in usable if key.algorithms]  # they go last: others may have the same kid
        keys: dict[str | None, PublishedKey] = {key.kid: key for key in [*usable, *fitting] if key.kid is not None}
        if len(fitting) == 1:
            [keys[None]] = fitting
        if not keys:
            logger.warning("the issuer published no usable key, or several without kid; the old keys stay")
            return
        self._by_kid, self._nameless = keys, keys[None] if None in keys and keys[None].kid is None else None
        self._fresh_until = time.monotonic() + self._ttl
