"""Events for tests."""

from dataclasses import dataclass
from typing import ClassVar

from myapp.platform.events.event import DomainEvent


@dataclass(frozen=True, kw_only=True)
class ThingEvent(DomainEvent):
    aggregate: ClassVar[str] = "thing"


@dataclass(frozen=True, kw_only=True)
class Happened(ThingEvent):
    """An event for handlers without ``in_transaction``."""

    type: ClassVar[str] = "thing.happened"
    text: str = ""


@dataclass(frozen=True, kw_only=True)
class Counted(ThingEvent):
    """An event for handlers with ``in_transaction``."""

    type: ClassVar[str] = "thing.counted"


@dataclass(frozen=True, kw_only=True)
class Wondered(ThingEvent):
    """An event for a handler that is not always needed."""

    type: ClassVar[str] = "thing.wondered"


@dataclass(frozen=True, kw_only=True)
class Noted(ThingEvent):
    """An event without a handler."""

    type: ClassVar[str] = "thing.noted"
