"""Periodic jobs for webhooks."""

from datetime import timedelta
from typing import ClassVar

from pico_ioc import component

from ..platform.database.types import utc_now
from ..platform.outbox.settings import EventsSettings
from ..platform.outbox.sweeps import Sweep
from .records import WebhookRecords

GRACE = timedelta(minutes=10)
"""The time that running deliveries to a deleted webhook have to end."""


@component
class WebhookSweep(Sweep):
    """Removes deleted webhooks with all that belongs to them, and attempts after ``events.keep_delivered_days``."""

    interval: ClassVar[float] = 600.0
    batch_size: ClassVar[int] = 1000  # per transaction: on SQLite it blocks all other writers

    def __init__(self, records: WebhookRecords, settings: EventsSettings) -> None:
        self._records = records
        self._keep = timedelta(days=settings.keep_delivered_days)

    async def sweep(self) -> None:
        now = utc_now()
        while await self._records.remove_deleted(now - GRACE, self.batch_size):
            pass
        while await self._records.delete_attempts(now - self._keep, self.batch_size) == self.batch_size:
            pass
