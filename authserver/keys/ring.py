"""The keys of a running server. It notices a rotation by itself."""

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
CHECK_INTERVAL = 1.0
"""The shortest time between two reads of the folder, in seconds."""


@component
class KeyRing:
    """Gives the key that signs and the keys to publish. The very first start creates a key.

    Processes that start at the same time use the same first key. Raises StartupError if the folder cannot be used.
    """

    def __init__(self, settings: KeySettings, issuer: IssuerSettings) -> None:
        self._settings = settings
        self._token_lifetime = issuer.token_lifetime
        self._folder = KeyFolder(settings.directory)
        with self._folder.locked():
            keys = self._folder.read() or [self._folder.add()]
        self._names = frozenset(f"{key.kid}.json" for key in keys)
        self._rotation = Rotation.of(keys, settings, self._token_lifetime)
        self._next_check = 0.0

    def signing_key(self) -> Key:
        return self._current().signing_key(utc_now())

    def public_keys(self) -> dict[str, Any]:
        """Return the JWK Set (RFC 7517 §5) of all keys that may have signed a valid token."""
        return {
            "keys": [
                key.private.as_dict(private=False) | {"kid": key.kid, "use": "sig", "alg": ALGORITHM}
                for key in self._current().published_keys(utc_now())
            ]
        }

    def _current(self) -> Rotation:
        if time.monotonic() >= self._next_check:
            self._next_check = time.monotonic() + CHECK_INTERVAL
            try:
                self._reload()
            except (OSError, StartupError) as error:
                logger.error("cannot read the keys, still using the known ones: %s", error)
        return self._rotation

    def _reload(self) -> None:
        for key in self._rotation.expired_keys(utc_now()):
            self._folder.remove(key)
            logger.info("removed key %s: all of its tokens have expired", key.kid)
        names = self._folder.names()
        if names == self._names:
            return
        keys = self._folder.read()
        if not keys:
            raise StartupError("keys.directory: there are no keys any more")
        self._rotation = Rotation.of(keys, self._settings, self._token_lifetime)
        self._names = names
        logger.info("the keys have changed, published keys: %s", ", ".join(key.kid for key in keys))
