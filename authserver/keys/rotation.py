"""Which key signs when, and how long each is published: worked out from when the keys were made."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import pairwise

from .folder import Key
from .settings import KeySettings


@dataclass(frozen=True)
class Rotation:
    """``keys`` are in the order of their making.

    A new key is published at once and signs ``publish_before_use`` later, so that whoever caches the keys has seen it
    before its first token. The one before it stays published until the last token that it signed has expired.
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

    def signing(self, now: datetime) -> Key:
        """The newest key that has been published for long enough; the first key of all signs at once."""
        ready = [key for key in self.keys if self.signs_from(key) <= now]
        return ready[-1] if ready else self.keys[0]

    def signs_from(self, key: Key) -> datetime:
        first = key is self.keys[0]
        return key.created_at if first else key.created_at + self.publish_before_use

    def published(self, now: datetime) -> list[Key]:
        return [key for key in self.keys if key not in self.expired(now)]

    def expired(self, now: datetime) -> list[Key]:
        """Keys that no valid token can have been signed with."""
        return [key for key in self.keys if (until := self.published_until(key)) is not None and until <= now]

    def published_until(self, key: Key) -> datetime | None:
        """None for the newest key."""
        for older, newer in pairwise(self.keys):
            if older is key:
                return self.signs_from(newer) + self.retention
        return None
