"""Places in the feed, and what is read of it."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

from ..platform.events.event import RecordedEvent
from .types import WantedTypes


class Position(NamedTuple):
    """The place of an event in the feed. Positions are in the order in which clients get the events.

    An event of a transaction that is still open has a higher position than each event that was read. So nothing is ever
    added before the position of a reader.
    """

    txid: int
    id: int


START = Position(0, 0)
"""The position before the first event."""


@dataclass(frozen=True, slots=True)
class PlacedEvent:
    position: Position
    event: RecordedEvent


@dataclass(frozen=True, slots=True)
class Batch:
    """Events of the feed, in order. ``end`` is how far it was read, ``has_more`` whether there may be events behind."""

    events: Sequence[PlacedEvent]
    end: Position
    has_more: bool = False

    def part(self, after: Position, wanted: WantedTypes, limit: int) -> "Batch":
        """Return up to ``limit`` of the wanted events behind ``after``."""
        found = [each for each in self.events if each.position > after and wanted.match(each.event.type)]
        if len(found) > limit:
            return Batch(found[:limit], found[limit - 1].position, has_more=True)
        return Batch(found, max(self.end, after), self.has_more)
