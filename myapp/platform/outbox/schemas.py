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
from ..examples import example
from ..text import without_nul
from .states import DeliveryState

Name = Annotated[str, StringConstraints(min_length=1, max_length=MAX_NAME), AfterValidator(without_nul)]
"""The name of a handler or the type of an event."""

DELIVERY = {
    "event_id": 51,
    "type": "product.stock_low",
    "aggregate": "product",
    "aggregate_id": "44",
    "occurred_at": "2026-11-26T05:48:43.240986Z",
    "handler": "stock-alert",
    "state": "dead",
    "attempts": 8,
    "next_at": None,
    "error": "MailUnavailableError: The mail cannot be sent at the moment.",
}


class DeliveryFilter(BaseModel):
    """Select the deliveries in ``state`` that match every filter that is set."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    state: DeliveryState = "dead"
    handler: Name | MISSING = MISSING
    type: Name | MISSING = Field(default=MISSING, description="The type of the event, such as `product.updated`.")


class DeliveryResponse(BaseModel):
    """The delivery of one event to one handler. `next_at` is null unless the delivery is pending."""

    model_config = ConfigDict(from_attributes=True, json_schema_extra=example(DELIVERY))

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

    handler: Name | None = Field(default=None, examples=["stock-alert"])


class RedeliveryResponse(BaseModel):
    event_id: int = Field(examples=[51])
    handlers: list[str] = Field(examples=[["stock-alert"]])
