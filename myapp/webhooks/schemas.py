"""The schemas of webhooks: the same for HTTP and for the services."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Annotated
from uuid import UUID

from pydantic import MISSING, AfterValidator, BaseModel, ConfigDict, Field, StringConstraints, WithJsonSchema
from pydantic_core import PydanticCustomError

from ..platform.database.types import utc_now
from ..platform.examples import example
from ..platform.moments import Moment
from ..platform.outbox.models import EventDelivery
from ..platform.outbox.states import DeliveryState
from ..platform.partial import AT_LEAST_ONE, PartialUpdate
from .event_types import PATTERNS
from .models import MAX_URL, AttemptError, DisabledReason, WebhookAttempt
from .targets import target_url

WEBHOOK = {
    "id": "0c7d4a52-2f0e-4c3b-9a52-64a1c0b7d7f1",
    "url": "https://shop.example.com/hooks/products",
    "event_types": ["product.*"],
    "enabled": True,
    "disabled_reason": None,
    "previous_secret_until": None,
    "owner": "c7e4a1b2-0f98-4c6d-b3a1-5e6f7a8b9c03",
    "created_at": "2026-11-26T05:48:43.078200Z",
    "updated_at": "2026-11-26T05:48:43.078200Z",
}
SECRET = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSwMfKQ9r8GKYo="


def check_url(value: str) -> str:
    try:
        return str(target_url(value))
    except ValueError as error:
        raise PydanticCustomError("webhook_url", "Input {fault}", {"fault": str(error)}) from None


def check_event_type(value: str) -> str:
    if value not in PATTERNS:
        raise PydanticCustomError("event_type", "Input should be one of {types}", {"types": ", ".join(PATTERNS)})
    return value


def check_repeated(values: list[str]) -> list[str]:
    if len(set(values)) < len(values):
        raise PydanticCustomError("event_type_repeated", "No type should be repeated")
    return values


def check_past(moment: datetime) -> datetime:
    if moment > utc_now():
        raise PydanticCustomError("future", "Input should be in the past")
    return moment


TargetUrl = Annotated[
    str,
    StringConstraints(max_length=MAX_URL),
    AfterValidator(check_url),
    WithJsonSchema({"type": "string", "format": "uri", "examples": ["https://shop.example.com/hooks/products"]}),
    Field(description="An address with https, without user name, password and fragment."),
]
EventType = Annotated[str, AfterValidator(check_event_type), WithJsonSchema({"type": "string", "enum": list(PATTERNS)})]
EventTypes = Annotated[
    list[EventType],
    Field(min_length=1, max_length=len(PATTERNS), description="Types of events; `product.*` means all of products."),
    AfterValidator(check_repeated),
]


class WebhookCreate(BaseModel):
    model_config = ConfigDict(
        strict=True,
        extra="forbid",
        revalidate_instances="always",
        json_schema_extra=example({"url": "https://shop.example.com/hooks/products", "event_types": ["product.*"]}),
    )

    url: TargetUrl
    event_types: EventTypes


class WebhookUpdate(PartialUpdate):
    """Fields that are not sent stay as they are."""

    model_config = ConfigDict(json_schema_extra=AT_LEAST_ONE | example({"event_types": ["product.updated"]}))

    url: TargetUrl | MISSING = MISSING
    event_types: EventTypes | MISSING = MISSING
    enabled: bool | MISSING = MISSING


class WebhookResponse(BaseModel):
    """``disabled_reason`` is null unless the service itself has disabled the webhook.

    It is ``gone`` if the server has answered 410, ``failing`` after five days without a success.
    """

    model_config = ConfigDict(from_attributes=True, json_schema_extra=example(WEBHOOK))

    id: UUID
    url: str
    event_types: list[str]
    enabled: bool
    disabled_reason: DisabledReason | None
    previous_secret_until: datetime | None = Field(
        description="Until then, messages are signed with the previous secret too."
    )
    owner: str
    created_at: datetime
    updated_at: datetime


class WebhookWithSecret(WebhookResponse):
    """``secret`` verifies signatures. It is shown this once."""

    model_config = ConfigDict(json_schema_extra=example(WEBHOOK | {"secret": SECRET}))

    secret: str


class PingResponse(BaseModel):
    """``status`` is that of the answer, null without one. ``error`` is null if the status is 2xx."""

    model_config = ConfigDict(from_attributes=True)

    status: int | None = Field(examples=[503])
    error: AttemptError | None = Field(examples=["unexpected_status"])
    duration_ms: int = Field(examples=[212])


class AttemptResponse(PingResponse):
    attempted_at: datetime = Field(examples=["2026-11-26T05:48:44.054834Z"])


@dataclass(frozen=True)
class WebhookDelivery:
    """The delivery of one event to one webhook, with its attempts, oldest first."""

    delivery: EventDelivery
    attempts: Sequence[WebhookAttempt]

    @property
    def id(self) -> int:
        return self.delivery.event_id

    @property
    def type(self) -> str:
        return self.delivery.type

    @property
    def product_id(self) -> int:
        return int(self.delivery.aggregate_id)

    @property
    def occurred_at(self) -> datetime:
        return self.delivery.occurred_at

    @property
    def state(self) -> str:
        return self.delivery.state

    @property
    def next_attempt_at(self) -> datetime | None:
        return self.delivery.next_at if self.delivery.state == "pending" else None


class WebhookDeliveryResponse(BaseModel):
    """``id`` is the event's ``sequence``. Of a delivery that is ``dead``, no further attempt is made.

    ``next_attempt_at`` is the earliest time of the next attempt, null unless the delivery is pending.
    """

    model_config = ConfigDict(from_attributes=True)

    id: int = Field(examples=[48])
    type: str = Field(examples=["product.updated"])
    product_id: int = Field(examples=[44])
    occurred_at: datetime = Field(examples=["2026-11-26T05:48:43.166604Z"])
    state: DeliveryState = Field(examples=["pending"])
    next_attempt_at: datetime | None = Field(examples=["2026-11-26T05:49:46.217008Z"])
    attempts: list[AttemptResponse]


class WebhookDeliveryFilter(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")

    state: DeliveryState | MISSING = MISSING


class RecoveryOrder(BaseModel):
    """Deliver what the webhook has missed since then."""

    model_config = ConfigDict(
        strict=True,
        extra="forbid",
        revalidate_instances="always",
        json_schema_extra=example({"since": "2025-11-26T00:00:00Z"}),
    )

    since: Annotated[Moment, AfterValidator(check_past)] = Field(
        description="A time in the past, no longer ago than `events.keep_delivered_days` (30 days)."
    )


class RecoveryResponse(BaseModel):
    """``deliveries`` counts those that were added or begun again.

    ``next_since`` is null if that was all; otherwise call again with it as ``since``.
    """

    deliveries: int = Field(examples=[3])
    next_since: datetime | None = Field(examples=["2026-11-26T05:48:43.166604Z"])
