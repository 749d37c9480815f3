"""What clients send and get."""

from datetime import datetime
from typing import Annotated, Any

from pydantic import MISSING, BaseModel, BeforeValidator, ConfigDict, Field, StringConstraints, WithJsonSchema

from ..platform.examples import example
from .types import ALL_TYPES, WantedTypes, parse_types

LATEST = "latest"

EVENT: dict[str, Any] = {
    "id": 48,
    "type": "product.updated",
    "aggregate": "product",
    "aggregate_id": "44",
    "version": 2,
    "actor": "9d2b7f6e-1d43-4b7c-8a55-6b1c2d3e4f02",
    "request_id": "1f0b5a6f0c9d4a3c8f1d2e3b4a5c6d7e",
    "occurred_at": "2026-11-26T05:48:43.166604Z",
    "payload": {"before": {"stock": 0}, "after": {"stock": 12}},
}


class EventResponse(BaseModel):
    """Something that has happened to an aggregate. ``version`` is the version of the aggregate since then."""

    model_config = ConfigDict(from_attributes=True, json_schema_extra=example(EVENT))

    id: int
    type: str
    aggregate: str
    aggregate_id: str
    version: int
    actor: str
    request_id: str | None
    occurred_at: datetime
    payload: dict[str, Any]


class EventPageResponse(BaseModel):
    """A part of the feed. ``next`` is the cursor of the part that follows, even if ``items`` is empty."""

    items: list[EventResponse]
    next: str = Field(examples=["OBECxGVBiHaHfPZTxPeQuls4MDIsMl0"])


class FeedFilter(BaseModel):
    """Where the feed begins, and which events it has."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    after: Annotated[str, StringConstraints(min_length=1)] | MISSING = Field(
        default=MISSING,
        description=f"A cursor: `next` of an earlier answer. `{LATEST}` stands for now."
        " Without it, the feed begins with the oldest event.",
    )
    types: (
        Annotated[WantedTypes, BeforeValidator(parse_types), WithJsonSchema({"type": "string", "minLength": 1})]
        | MISSING
    ) = Field(
        default=MISSING,
        description="Types of events, separated by commas. `product.*` stands for all types of products.",
        examples=["product.*"],
    )

    @property
    def wanted(self) -> WantedTypes:
        return self.types if isinstance(self.types, WantedTypes) else ALL_TYPES
