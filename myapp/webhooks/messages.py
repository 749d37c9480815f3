"""The messages that webhooks receive (Standard Webhooks): their bodies, ids and signatures."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Generic, Literal, TypeVar
from uuid import UUID, uuid4

from pydantic import BaseModel, Field

from ..platform.events.event import RecordedEvent
from ..products.events import CHANGES, ProductStockAdjusted, ProductStockLow
from ..products.schemas import ProductFields

MAX_BODY = 20_000
"""The largest body in bytes."""

DataT = TypeVar("DataT")


class EventData(BaseModel):
    """``version`` is the version of the product after the event. A later event has a higher ``sequence``."""

    product_id: int
    version: int
    sequence: int


class ProductChangeData(EventData):
    """``before`` and ``after`` hold the fields that changed, all of them for a created or deleted product.

    They are null if the body would be too large otherwise.
    """

    before: ProductFields | None = Field(default=None)
    after: ProductFields | None = Field(default=None)


class ProductStockAdjustedData(ProductChangeData):
    """``delta`` was added to the stock."""

    delta: int | None = None
    reason: str | None = None
    reference: str | None = None


class ProductStockLowData(EventData):
    """The stock was above ``threshold`` and is now equal to it or below."""

    name: str | None = None
    stock: int | None = None
    threshold: int | None = None


class PingData(BaseModel):
    webhook_id: UUID


class MessageBody(BaseModel, Generic[DataT]):
    """``timestamp`` is the time of the event. The header ``webhook-timestamp`` has the time of the attempt."""

    type: str
    timestamp: datetime
    data: DataT


class ProductChangeMessage(MessageBody[ProductChangeData]):
    """A product was created, changed or deleted."""


class ProductStockAdjustedMessage(MessageBody[ProductStockAdjustedData]):
    """The stock of a product was adjusted."""


class ProductStockLowMessage(MessageBody[ProductStockLowData]):
    """The stock of a product has become low."""


class PingMessage(MessageBody[PingData]):
    """A test of the webhook. It tells of no event."""

    type: Literal["webhook.ping"] = "webhook.ping"


BODIES: Mapping[str, type[BaseModel]] = {change.type: ProductChangeMessage for change in CHANGES} | {
    ProductStockAdjusted.type: ProductStockAdjustedMessage,
    ProductStockLow.type: ProductStockLowMessage,
}
"""The body for each type of event."""


@dataclass(frozen=True, slots=True)
class Message:
    """``id`` is the same in all attempts, so that a receiver can ignore a repetition."""

    id: str
    body: str

    def headers(self, keys: Sequence[bytes], now: datetime) -> dict[str, str]:
        """Return the headers of an attempt, signed with each of ``keys``."""
        from standardwebhooks import Webhook as Signer

        signatures = [Signer(key).sign(self.id, now, self.body) for key in keys]
        return {
            "webhook-id": self.id,
            "webhook-timestamp": str(int(now.timestamp())),
            "webhook-signature": " ".join(signatures),
        }


def message_of(event: RecordedEvent) -> Message:
    """Return the message about ``event``. It depends on the event alone, so all attempts have the same body."""
    body = body_of(event, event.payload)
    if len(body.encode()) > MAX_BODY:
        body = body_of(event, {})
    return Message(f"msg_{event.id}_{event.occurred_at:%Y%m%d%H%M%S%f}", body)


def body_of(event: RecordedEvent, payload: Mapping[str, Any]) -> str:
    data = {"product_id": int(event.aggregate_id), "version": event.version, "sequence": event.id, **payload}
    members = {"type": event.type, "timestamp": event.occurred_at, "data": data}
    return BODIES[event.type].model_validate(members).model_dump_json()


def ping_of(webhook_id: UUID, now: datetime) -> Message:
    body = PingMessage(timestamp=now, data=PingData(webhook_id=webhook_id))
    return Message(f"ping_{uuid4().hex}", body.model_dump_json())
