"""The rotation of keys: their times of creation decide which key signs, and how long each is published."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import pairwise

from .folder import Key
from .settings import KeySettings


@dataclass(frozen=True)
class Rotation:
    """``keys`` are sorted by time of creation, oldest first.

    A new key is published at once. It signs only after ``publish_before_use``, so that a cache of the keys has it
    before its first token. The previous key stays published until the last token that it signed has expired.
    """

    keys: tuple[Key, ...]
    publish_before_use: timedelta
    retention: timedelta

    @classmethod
    def of(cls, keys: list[Key], settings: KeySettings, token_lifetime: int) -> "Rotation":
        return cls(
            tuple(keys),
            timedelta(seconds=settings.publish_before_use),
            timedelta(seconds=token_lifetime + settings.leeway),
        )

    def signing_key(self, now: datetime) -> Key:
        """Return the newest key that has been published for long enough. The very first key signs at once."""
        ready = [key for key in self.keys if self.signs_from(key) <= now]
        return ready[-1] if ready else self.keys[0]

    def signs_from(self, key: Key) -> datetime:
        first = key is self.keys[0]
        return key.created_at if first else key.created_at + self.publish_before_use

    def published_keys(self, now: datetime) -> list[Key]:
        return [key for key in self.keys if key not in self.expired_keys(now)]

    def expired_keys(self, now: datetime) -> list[Key]:
        """Return the keys whose tokens have all expired."""
        return [key for key in self.keys if (until := self.published_until(key)) is not None and until <= now]

    def published_until(self, key: Key) -> datetime | None:
        """Return the end of the key's publication; None for the newest key."""
        for older, newer in pairwise(self.keys):
            if older is key:
                return self.signs_from(newer) + self.retention
        return None
