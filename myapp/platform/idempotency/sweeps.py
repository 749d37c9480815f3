"""Delete keys that are no longer kept."""

from typing import ClassVar

from pico_ioc import component

from ..outbox.sweeps import Sweep
from .services import IdempotencyService


@component
class ExpiredKeysSweep(Sweep):
    """Deletes keys that were used ``idempotency.keep_days`` ago."""

    interval = 600.0
    batch_size: ClassVar[int] = 1000  # per transaction: on SQLite it blocks all other writers

    def __init__(self, service: IdempotencyService) -> None:
        self._service = service

    async def sweep(self) -> None:
        while await self._service.delete_expired(self.batch_size) == self.batch_size:
            pass
