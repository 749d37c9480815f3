"""The events of webhooks."""

from dataclasses import dataclass
from typing import ClassVar

from ..platform.events.event import DomainEvent


@dataclass(frozen=True, kw_only=True)
class WebhookDisabled(DomainEvent):
    """The service has disabled the webhook. ``url`` has no query, which can be secret. ``email`` is the owner's."""

    type: ClassVar[str] = "webhook.disabled"
    aggregate: ClassVar[str] = "webhook"

    url: str
    reason: str
    email: str | None
