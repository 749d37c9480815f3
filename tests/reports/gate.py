"""A storage that a test can block, to act while a report is being made."""

import asyncio
from pathlib import Path

from myapp.platform.storage.files import Storage


class GatedStorage(Storage):
    """Uploads wait for ``gate``. ``reached`` is set when one waits."""

    def __init__(self, storage: Storage) -> None:
        self.__dict__.update(vars(storage))
        self.gate = asyncio.Event()
        self.reached = asyncio.Event()
        self.uploads = 0

    async def put(self, key: str, path: Path) -> None:
        self.reached.set()
        await self.gate.wait()
        await super().put(key, path)
        self.uploads += 1
