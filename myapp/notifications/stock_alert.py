"""The mail about low stock."""

from typing import ClassVar

from pico_ioc import component

from ..platform.events.event import RecordedEvent
from ..platform.events.handler import EventHandler
from ..platform.mail.addresses import named_address
from ..platform.mail.settings import MailSettings
from ..products.events import ProductStockLow
from .notifier import Notifier
from .texts import stock_low


@component
class StockAlert(EventHandler):
    """Sends one mail to all addresses of ``mail.alerts_to``; no mail if the list is empty."""

    name: ClassVar[str] = "stock-alert"
    event_types: ClassVar[frozenset[str]] = frozenset({ProductStockLow.type})

    def __init__(self, notifier: Notifier, settings: MailSettings) -> None:
        self._notifier = notifier
        self._recipients = [named_address(mailbox) for mailbox in settings.alerts_to]

    async def handle(self, event: RecordedEvent) -> None:
        if self._recipients:
            text = stock_low(
                event.payload["name"], event.aggregate_id, event.payload["stock"], event.payload["threshold"]
            )
            await self._notifier.send(self, event, self._recipients, text)
