"""Hashing and checking passwords: argon2id."""

import secrets
import unicodedata
from functools import cached_property

from pico_ioc import component
from pwdlib import PasswordHash
from pwdlib.hashers.argon2 import Argon2Hasher

from .settings import PasswordSettings


@component
class Passwords:
    """Each call takes a tenth of a second or so, and as much memory as ``passwords.memory_kib`` says."""

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
        return self._argon2.hash(prepared(password))

    def verify(self, password: str, password_hash: str) -> tuple[bool, str | None]:
        """Whether it is the password; and if it is, a new hash where the settings have changed since the old one."""
        return self._argon2.verify_and_update(prepared(password), password_hash)

    @cached_property
    def nobodys_hash(self) -> str:
        """What to check a password against where there is no user, so that it takes the same time."""
        return self.hash(secrets.token_urlsafe())


def prepared(password: str) -> str:
    """The same password typed on another system may be composed differently (RFC 8265 §4.2.1)."""
    return unicodedata.normalize("NFC", password)
