"""The types of events that webhooks send, and the patterns that select them."""

from collections.abc import Collection

from ..products.events import CHANGES, ProductStockLow

SENT = tuple(event.type for event in (*CHANGES, ProductStockLow))
"""The types of all events that can be sent."""

ALL_OF_AGGREGATE = ".*"

PATTERNS = (*dict.fromkeys(type.partition(".")[0] + ALL_OF_AGGREGATE for type in SENT), *SENT)
"""What a webhook can ask for: all types of an aggregate, such as ``product.*``, or one type."""


def is_asked_for(event_type: str, patterns: Collection[str]) -> bool:
    return event_type in patterns or event_type.partition(".")[0] + ALL_OF_AGGREGATE in patterns
