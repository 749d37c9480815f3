"""Events for tests."""

from dataclasses import dataclass
from typing import ClassVar

from myapp.platform.events.event import DomainEvent


@dataclass(frozen=True, kw_only=True)
class ThingEvent(DomainEvent):
    aggregate: ClassVar[str] = "thing"


@dataclass(frozen=True, kw_only=True)
class Happened(ThingEvent):
    """Of this handlers hear that work by themselves."""

    type: ClassVar[str] = "thing.happened"
    text: str = ""


@dataclass(frozen=True, kw_only=True)
class Counted(ThingEvent):
    """Of this handlers hear that work in the transaction of the record."""

    type: ClassVar[str] = "thing.counted"


@dataclass(frozen=True, kw_only=True)
class Noted(ThingEvent):
    """Of this nobody hears."""

    type: ClassVar[str] = "thing.noted"
