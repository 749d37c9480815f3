"""The events that are counted."""

from ..products.events import CHANGES, ProductStockLow
from ..reports.events import ReportFailed, ReportFinished, ReportRequested
from ..users.events import UserCreated
from ..webhooks.events import WebhookDisabled

COUNTED = frozenset(
    event.type
    for event in (
        *CHANGES,
        ProductStockLow,
        UserCreated,
        ReportRequested,
        ReportFinished,
        ReportFailed,
        WebhookDisabled,
    )
)
