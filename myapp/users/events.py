"""The events of users."""

from dataclasses import dataclass
from typing import ClassVar

from ..platform.events.event import DomainEvent


@dataclass(frozen=True, kw_only=True)
class UserCreated(DomainEvent):
    type: ClassVar[str] = "user.created"
    aggregate: ClassVar[str] = "user"

    email: str | None
    name: str | None
