"""Periodic jobs for users."""

from typing import ClassVar

from pico_ioc import component

from ..platform.outbox.sweeps import Sweep
from .services import FoldedUsers


@component
class UnfoldedUsersSweep(Sweep):
    """Folds the texts of users that processes of an older release have written."""

    interval: ClassVar[float] = 2.0
    batch_size: ClassVar[int] = 1000  # per transaction: on SQLite it blocks all other writers

    def __init__(self, users: FoldedUsers) -> None:
        self._users = users

    async def sweep(self) -> None:
        while await self._users.is_work_left() and await self._users.fold_batch(self.batch_size):
            pass
