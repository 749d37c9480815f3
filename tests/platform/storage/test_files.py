"""The storage behaves the same on a folder and on S3."""

import asyncio

import pytest

from myapp.platform.errors import NotFoundError
from myapp.platform.storage.files import PART_SIZE, Storage

from ...fixture_types import File

KEY = "reports/7.pdf"


class TestFiles:
    async def test_what_was_put_can_be_read(self, storage: Storage, file: File) -> None:
        await storage.put(KEY, file())
        assert await storage.read(KEY) == b"content"
        assert await storage.size(KEY) == 7
        stored = await storage.stream(KEY)
        assert (stored.size, [chunk async for chunk in stored.chunks]) == (7, [b"content"])

    async def test_a_file_may_be_empty(self, storage: Storage, file: File) -> None:
        await storage.put(KEY, file(b""))
        assert (await storage.read(KEY), await storage.size(KEY)) == (b"", 0)

    async def test_a_second_one_replaces_the_first(self, storage: Storage, file: File) -> None:
        await storage.put(KEY, file())
        await storage.put(KEY, file(b"other"))
        assert await storage.read(KEY) == b"other"

    async def test_a_missing_file_is_not_found(self, storage: Storage) -> None:
        for method in (storage.read, storage.stream, storage.size):
            with pytest.raises(NotFoundError):
                await method(KEY)

    async def test_a_deleted_file_is_gone_and_may_be_deleted_again(self, storage: Storage, file: File) -> None:
        await storage.put(KEY, file())
        for _ in range(2):
            await storage.delete(KEY)
        with pytest.raises(NotFoundError):
            await storage.size(KEY)

    async def test_a_large_file_is_sent_in_parts_and_read_in_chunks(self, storage: Storage, file: File) -> None:
        content = bytes(range(256)) * 4096 * 12  # 12 MiB
        assert len(content) > 2 * PART_SIZE
        await storage.put(KEY, file(content))
        stored = await storage.stream(KEY)
        chunks = [chunk async for chunk in stored.chunks]
        assert stored.size == len(content)
        assert len(chunks) > 2
        assert b"".join(chunks) == content

    async def test_nobody_sees_half_a_file(self, storage: Storage, file: File) -> None:
        """While a new file is written, readers get the whole old one or the whole new one."""
        sizes = {12 * 2**20, 13 * 2**20}
        await storage.put(KEY, file(b"a" * min(sizes)))
        writing = asyncio.create_task(storage.put(KEY, file(b"b" * max(sizes))))
        while not writing.done():
            content = await storage.read(KEY)
            assert len(content) in sizes
            assert len(set(content)) == 1
        await writing
        assert await storage.size(KEY) == max(sizes)
