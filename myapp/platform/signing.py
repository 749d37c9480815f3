"""Signatures of what clients keep and send back (HMAC-SHA256), and the port to keys that no setting gives."""

import hmac
from abc import ABC, abstractmethod
from collections.abc import Iterable

MAX_SIZE = 32


def sign(key: bytes, message: bytes, size: int = MAX_SIZE) -> bytes:
    """Return the signature of ``message``, truncated to ``size`` bytes (RFC 2104 §5)."""
    return hmac.digest(key, message, "sha256")[:size]


def is_signature(signature: bytes, message: bytes, keys: Iterable[bytes], size: int = MAX_SIZE) -> bool:
    """Return whether one of ``keys`` made this signature of ``size`` bytes. Its time tells nothing of them."""
    return any(hmac.compare_digest(sign(key, message, size), signature) for key in keys)


class StoredKeys(ABC):
    """Keeps secret keys for all processes of an installation. Exactly one component implements it."""

    @abstractmethod
    async def key(self, name: str) -> bytes:
        """Return the key of this name: 32 random bytes, made at the first call and never changed.

        Raises UnavailableError if it cannot be read.
        """
