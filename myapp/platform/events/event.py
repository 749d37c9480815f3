"""A domain event, as a feature raises it and as the database holds it."""

from collections.abc import Mapping
from dataclasses import dataclass, fields
from datetime import datetime
from typing import Any, ClassVar

from pydantic_core import to_jsonable_python


@dataclass(frozen=True, kw_only=True)
class DomainEvent:
    """Tell that something has happened to an aggregate. The name is in the past tense; the fields are ids and values.

    ``type`` is ``aggregate.verb``; ``version`` is the aggregate's after the change. The other fields are the payload.
    """

    type: ClassVar[str]
    aggregate: ClassVar[str]

    aggregate_id: str
    version: int

    def payload(self) -> dict[str, Any]:
        """Return the event's own fields as plain JSON."""
        own = [field.name for field in fields(self) if field.name not in ("aggregate_id", "version")]
        values: dict[str, Any] = to_jsonable_python({name: getattr(self, name) for name in own})
        return values


@dataclass(frozen=True, slots=True)
class RecordedEvent:
    """Hold an event as the database has it; ``payload`` is plain JSON."""

    id: int
    type: str
    aggregate: str
    aggregate_id: str
    version: int
    payload: Mapping[str, Any]
    actor: str
    request_id: str | None
    occurred_at: datetime
