"""The storage port: files by key, whole or not at all."""

import asyncio
from collections.abc import AsyncIterator
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

from pico_ioc import component

from ..errors import NotFoundError
from .settings import StorageSettings
from .store import check, open_store, translated

if TYPE_CHECKING:
    from obstore.store import LocalStore, S3Store

CHUNK = 1 << 20
"""Bytes that a stream holds at least at a time."""
PART = 5 << 20
"""Bytes of one part of a large upload; S3 takes no less."""


@dataclass(frozen=True)
class StoredFile:
    """``chunks`` raise StorageUnavailableError where the store stops in the middle."""

    size: int
    chunks: AsyncIterator[bytes]


@component
class Storage:
    """Keys are relative paths such as ``reports/7.pdf``. A file that is being written is not there until it is there
    as a whole; to write it once more replaces it.

    Raises StorageUnavailableError where the store does not answer in time, whatever the reason. Raises StartupError for
    a ``storage.url`` that cannot be.
    """

    def __init__(self, settings: StorageSettings) -> None:
        check(settings)
        self._settings = settings

    @cached_property
    def _store(self) -> "LocalStore | S3Store":
        return open_store(self._settings)

    async def put(self, key: str, path: Path) -> None:
        """Keep the content of a local file, in constant memory."""
        import obstore

        with translated(key, missing=False):
            await obstore.put_async(self._store, key, path, chunk_size=PART, max_concurrency=2)

    async def stream(self, key: str) -> StoredFile:
        """Raises NotFoundError."""
        import obstore

        with translated(key):
            async with asyncio.timeout(self._settings.timeout):
                found = await obstore.get_async(self._store, key)
        return StoredFile(found.meta["size"], self._chunks(key, found.stream(min_chunk_size=CHUNK)))

    async def read(self, key: str) -> bytes:
        """The whole file. Raises NotFoundError."""
        return b"".join([chunk async for chunk in (await self.stream(key)).chunks])

    async def size(self, key: str) -> int:
        """Bytes of the file. Raises NotFoundError."""
        import obstore

        with translated(key):
            async with asyncio.timeout(self._settings.timeout):
                return (await obstore.head_async(self._store, key))["size"]

    async def delete(self, key: str) -> None:
        """A file that is not there may be deleted too."""
        import obstore

        try:
            with translated(key):
                async with asyncio.timeout(self._settings.timeout):
                    await obstore.delete_async(self._store, key)
        except NotFoundError:
            pass

    async def _chunks(self, key: str, chunks: AsyncIterator[bytes]) -> AsyncIterator[bytes]:
        with translated(key):
            async for chunk in chunks:
                yield chunk
