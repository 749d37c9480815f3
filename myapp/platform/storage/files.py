"""The storage port: files by key, written atomically."""

import asyncio
from collections.abc import AsyncIterator
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

from pico_ioc import component

from ..errors import NotFoundError
from .settings import StorageSettings
from .store import check_storage, open_store, translate_errors

if TYPE_CHECKING:
    from obstore.store import LocalStore, S3Store

CHUNK_SIZE = 1 << 20
"""Minimum bytes of one chunk of a stream; the last one may be smaller."""
PART_SIZE = 5 << 20
"""Bytes of one part of a large upload: the minimum of S3."""


@dataclass(frozen=True)
class StoredFile:
    """A file to stream. ``chunks`` raises StorageUnavailableError if the store fails in the middle."""

    size: int
    chunks: AsyncIterator[bytes]


@component
class Storage:
    """Files by key. Keys are relative paths such as ``reports/7.pdf``.

    A file becomes visible when it is complete. Writing it again replaces it.
    All methods raise StorageUnavailableError if the store fails or does not answer in time. The constructor raises
    StartupError if ``storage.url`` is not usable.
    """

    def __init__(self, settings: StorageSettings) -> None:
        check_storage(settings)
        self._settings = settings

    @cached_property
    def _store(self) -> "LocalStore | S3Store":
        return open_store(self._settings)

    async def put(self, key: str, path: Path) -> None:
        """Upload a local file, in constant memory."""
        import obstore

        with translate_errors(key, missing=False):
            await obstore.put_async(self._store, key, path, chunk_size=PART_SIZE, max_concurrency=2)

    async def stream(self, key: str) -> StoredFile:
        """Open a file for streaming. Raises NotFoundError."""
        import obstore

        with translate_errors(key):
            async with asyncio.timeout(self._settings.timeout):
                found = await obstore.get_async(self._store, key)
        return StoredFile(found.meta["size"], self._chunks(key, found.stream(min_chunk_size=CHUNK_SIZE)))

    async def read(self, key: str) -> bytes:
        """Return the whole file. Raises NotFoundError."""
        return b"".join([chunk async for chunk in (await self.stream(key)).chunks])

    async def size(self, key: str) -> int:
        """Return the size of the file in bytes. Raises NotFoundError."""
        import obstore

        with translate_errors(key):
            async with asyncio.timeout(self._settings.timeout):
                return (await obstore.head_async(self._store, key))["size"]

    async def delete(self, key: str) -> None:
        """Delete a file. It is no error if there is none."""
        import obstore

        try:
            with translate_errors(key):
                async with asyncio.timeout(self._settings.timeout):
                    await obstore.delete_async(self._store, key)
        except NotFoundError:
            pass

    async def _chunks(self, key: str, chunks: AsyncIterator[bytes]) -> AsyncIterator[bytes]:
        with translate_errors(key):
            async for chunk in chunks:
                yield chunk
