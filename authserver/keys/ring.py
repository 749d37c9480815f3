"""The keys as a running server uses them: it sees a rotation by itself."""

import logging
import time
from typing import Any

from pico_ioc import component

from myapp.platform.database.types import utc_now
from myapp.platform.errors import StartupError

from ..issuer.settings import IssuerSettings
from .folder import Key, KeyFolder
from .rotation import Rotation
from .settings import KeySettings

logger = logging.getLogger(__name__)

ALGORITHM = "RS256"
LOOK_EVERY = 1.0
"""Seconds between two looks into the folder at least."""


@component
class KeyRing:
    """At the first start of all there is no key, so one is made: processes that start together agree on it.

    Raises StartupError where the folder cannot be used.
    """

    def __init__(self, settings: KeySettings, issuer: IssuerSettings) -> None:
        self._settings = settings
        self._token_lifetime = issuer.token_lifetime
        self._folder = KeyFolder(settings.directory)
        with self._folder.locked():
            keys = self._folder.read() or [self._folder.add()]
        self._names = frozenset(f"{key.kid}.json" for key in keys)
        self._rotation = Rotation.of(keys, settings, self._token_lifetime)
        self._look_at = 0.0

    def signing_key(self) -> Key:
        return self._current().signing(utc_now())

    def public_keys(self) -> dict[str, Any]:
        """The JWK Set (RFC 7517 §5) of every key that a valid token may have been signed with."""
        return {
            "keys": [
                key.private.as_dict(private=False) | {"kid": key.kid, "use": "sig", "alg": ALGORITHM}
                for key in self._current().published(utc_now())
            ]
        }

    def _current(self) -> Rotation:
        if time.monotonic() >= self._look_at:
            self._look_at = time.monotonic() + LOOK_EVERY
            try:
                self._look()
            except (OSError, StartupError) as error:
                logger.error("cannot read the keys, so those known stay: %s", error)
        return self._rotation

    def _look(self) -> None:
        for key in self._rotation.expired(utc_now()):
            self._folder.remove(key)
            logger.info("removed the key %s: its tokens have expired", key.kid)
        names = self._folder.names()
        if names == self._names:
            return
        keys = self._folder.read()
        if not keys:
            raise StartupError("keys.directory: there is no key any more")
        self._rotation = Rotation.of(keys, self._settings, self._token_lifetime)
        self._names = names
        logger.info("the keys have changed; published: %s", ", ".join(key.kid for key in keys))
