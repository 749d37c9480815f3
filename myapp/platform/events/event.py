"""Domain events: as a feature publishes them, and as the database stores them."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, fields
from datetime import datetime
from typing import Any, ClassVar

from pydantic_core import to_jsonable_python

OF_ROW = ""
"""Stands for the id of the row that an event tells of and that is not inserted yet. See ``EventPublisher.write``."""


@dataclass(frozen=True, kw_only=True)
class DomainEvent:
    """Something that has happened to an aggregate. Subclasses have names in the past tense; fields are ids and values.

    ``type`` is ``aggregate.verb``. ``version`` is the version of the aggregate after the change. The fields of the
    subclass are the payload. ``read_permission`` is what a reader of the feed needs beside ``events:read``; it is the
    same for all events of an aggregate.
    """

    type: ClassVar[str]
    aggregate: ClassVar[str]
    read_permission: ClassVar[str] = ""

    aggregate_id: str = OF_ROW
    version: int

    def payload(self) -> dict[str, Any]:
        """Return the fields of the subclass as plain JSON."""
        own = [field.name for field in fields(self) if field.name not in ("aggregate_id", "version")]
        values: dict[str, Any] = to_jsonable_python({name: getattr(self, name) for name in own})
        return values


def known_events(parent: type[DomainEvent] = DomainEvent) -> Iterator[type[DomainEvent]]:
    """Yield each class of events that has a type. Every process imports all of them."""
    for child in parent.__subclasses__():
        if hasattr(child, "type"):
            yield child
        yield from known_events(child)


@dataclass(frozen=True, slots=True)
class RecordedEvent:
    """An event as the database stores it. ``payload`` is plain JSON."""

    id: int
    type: str
    aggregate: str
    aggregate_id: str
    version: int
    payload: Mapping[str, Any]
    actor: str
    request_id: str | None
    occurred_at: datetime
