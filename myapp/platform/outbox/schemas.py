"""Requests and responses of deliveries."""

from datetime import datetime
from typing import Annotated

from pydantic import (
    MISSING,
    AfterValidator,
    BaseModel,
    ConfigDict,
    Field,
    StringConstraints,
    ValidationInfo,
    field_validator,
)

from ..events.models import MAX_NAME
from ..text import without_nul
from .states import DeliveryState

Name = Annotated[str, StringConstraints(min_length=1, max_length=MAX_NAME), AfterValidator(without_nul)]
"""The name of a handler or the type of an event."""


class DeliveryFilter(BaseModel):
    """Select the deliveries in ``state`` that match every filter that is set."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    state: DeliveryState = "dead"
    handler: Name | MISSING = MISSING
    type: Name | MISSING = Field(default=MISSING, description="The type of the event, such as `product.updated`.")


class DeliveryResponse(BaseModel):
    """The delivery of one event to one handler. `next_at` is null unless the delivery is pending."""

    model_config = ConfigDict(from_attributes=True)

    event_id: int
    type: str
    aggregate: str
    aggregate_id: str
    occurred_at: datetime
    handler: str
    state: DeliveryState
    attempts: int
    next_at: datetime | None
    error: str | None

    @field_validator("next_at")
    @classmethod
    def only_while_pending(cls, next_at: datetime, info: ValidationInfo) -> datetime | None:
        return next_at if info.data.get("state") == "pending" else None


class RedeliveryOrder(BaseModel):
    """Without a handler, the event goes to all handlers that have it as a dead letter."""

    model_config = ConfigDict(strict=True, extra="forbid")

    handler: Name | None = None


class RedeliveryResponse(BaseModel):
    event_id: int
    handlers: list[str]
