"""Hashes and verifies passwords with argon2id."""

import secrets
import unicodedata
from functools import cached_property

from pico_ioc import component
from pwdlib import PasswordHash
from pwdlib.hashers.argon2 import Argon2Hasher

from .settings import PasswordSettings


@component
class Passwords:
    """Each call takes about a tenth of a second, and ``passwords.memory_kib`` of memory."""

    def __init__(self, settings: PasswordSettings) -> None:
        self._argon2 = PasswordHash(
            [
                Argon2Hasher(
                    time_cost=settings.time_cost,
                    memory_cost=settings.memory_kib,
                    parallelism=settings.parallelism,
                )
            ]
        )

    def hash(self, password: str) -> str:
        return self._argon2.hash(normalize(password))

    def verify(self, password: str, password_hash: str) -> tuple[bool, str | None]:
        """Return whether the password is right, and a new hash if it is right and the settings have changed since."""
        return self._argon2.verify_and_update(normalize(password), password_hash)

    @cached_property
    def dummy_hash(self) -> str:
        """The hash to verify a password against if there is no such user, so that the check takes the same time."""
        return self.hash(secrets.token_urlsafe())


def normalize(password: str) -> str:
    """Normalize to NFC: another system may compose the same characters differently (RFC 8265 §4.2.1)."""
    return unicodedata.normalize("NFC", password)
