"""The events of users."""

from dataclasses import dataclass
from typing import ClassVar

from ..platform.events.event import DomainEvent


@dataclass(frozen=True, kw_only=True)
class UserCreated(DomainEvent):
    type: ClassVar[str] = "user.created"
    aggregate: ClassVar[str] = "user"
    read_permission: ClassVar[str] = "users:read"

    email: str | None
    name: str | None
