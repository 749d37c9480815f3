"""Periodic jobs for products."""

from typing import ClassVar

from pico_ioc import component

from ..platform.outbox.sweeps import Sweep
from .services import FoldedNames


@component
class UnfoldedNamesSweep(Sweep):
    """Folds the names that processes of an older release have written. Until then, searches ignore only their case."""

    interval: ClassVar[float] = 2.0
    batch_size: ClassVar[int] = 1000  # per transaction: on SQLite it blocks all other writers

    def __init__(self, names: FoldedNames) -> None:
        self._names = names

    async def sweep(self) -> None:
        while await self._names.is_work_left() and await self._names.fold_batch(self.batch_size):
            pass
