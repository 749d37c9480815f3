"""A store that refuses, is silent or breaks off raises one kind of error, soon. A wrong setting stops the start."""

import asyncio
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest

from myapp.platform.errors import StartupError, StorageUnavailableError
from myapp.platform.storage.files import Storage
from myapp.platform.storage.settings import StorageSettings

from ...databases import free_port
from ...fixture_types import File
from .conftest import s3

KEY = "reports/7.pdf"

Calls = list[Callable[[], Awaitable[Any]]]


def calls(storage: Storage, file: File) -> Calls:
    return [
        lambda: storage.put(KEY, file()),
        lambda: storage.stream(KEY),
        lambda: storage.read(KEY),
        lambda: storage.size(KEY),
        lambda: storage.delete(KEY),
    ]


@asynccontextmanager
async def server(answer: bytes) -> AsyncIterator[str]:
    """The URL of a server that sends ``answer`` to every request and is silent afterwards."""

    async def respond(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(answer)
        await closed.wait()
        writer.close()

    closed = asyncio.Event()
    listening = await asyncio.start_server(respond, "127.0.0.1", 0)
    yield f"http://127.0.0.1:{listening.sockets[0].getsockname()[1]}"
    closed.set()
    listening.close()
    await listening.wait_closed()


class TestS3:
    async def test_that_refuses_connections(self, file: File) -> None:
        for call in calls(s3(f"http://127.0.0.1:{free_port()}"), file):
            with pytest.raises(StorageUnavailableError):
                await call()

    async def test_that_is_silent(self, file: File) -> None:
        """No call waits for long."""
        async with server(b"") as url:
            for call in calls(s3(url, timeout=0.2, part_timeout=0.3), file):
                began = time.monotonic()
                with pytest.raises(StorageUnavailableError):
                    await call()
                assert time.monotonic() - began < 5

    async def test_that_fails(self, file: File) -> None:
        async with server(b"HTTP/1.1 500 Oops\r\nContent-Length: 0\r\nConnection: close\r\n\r\n") as url:
            for call in calls(s3(url, retries=1), file):
                with pytest.raises(StorageUnavailableError):
                    await call()

    async def test_that_refuses_the_credentials(self, file: File) -> None:
        async with server(b"HTTP/1.1 403 Forbidden\r\nContent-Length: 0\r\nConnection: close\r\n\r\n") as url:
            for call in calls(s3(url), file):
                with pytest.raises(StorageUnavailableError):
                    await call()

    async def test_that_breaks_off_in_the_middle(self) -> None:
        head = b"HTTP/1.1 200 OK\r\nContent-Length: 1000\r\nLast-Modified: Mon, 23 Nov 2026 00:00:00 GMT\r\n"
        async with server(head + b'ETag: "1"\r\n\r\n' + b"x" * 10) as url:
            stored = await s3(url, timeout=1, part_timeout=0.2, retries=0).stream(KEY)
            assert stored.size == 1000
            with pytest.raises(StorageUnavailableError):
                _ = [chunk async for chunk in stored.chunks]

    async def test_without_the_bucket(self, s3_server: str, file: File) -> None:
        with pytest.raises(StorageUnavailableError):
            await s3(s3_server, "s3://nowhere").put(KEY, file())


class TestFolder:
    async def test_that_cannot_be_made(self, tmp_path: Path, file: File) -> None:
        (tmp_path / "occupied").write_text("by a file")
        for call in calls(Storage(StorageSettings(url=str(tmp_path / "occupied" / "files"))), file):
            with pytest.raises(StorageUnavailableError):
                await call()

    async def test_a_missing_source_is_no_missing_file(self, tmp_path: Path) -> None:
        with pytest.raises(StorageUnavailableError):
            await Storage(StorageSettings(url=str(tmp_path))).put(KEY, tmp_path / "nothing")

    async def test_an_unfinished_upload_leaves_the_old_file(self, tmp_path: Path, file: File) -> None:
        """The upload is cancelled, like in a process that ends."""
        storage = Storage(StorageSettings(url=str(tmp_path / "files")))
        await storage.put(KEY, file())
        writing = asyncio.create_task(storage.put(KEY, file(b"x" * 50 * 2**20)))
        await asyncio.sleep(0.005)
        writing.cancel()
        with pytest.raises(asyncio.CancelledError):
            await writing
        assert await storage.read(KEY) == b"content"


@pytest.mark.parametrize(
    ("settings", "name"),
    [
        ({"url": "gs://bucket"}, "storage.url"),
        ({"url": "s3://"}, "storage.url"),
        ({"url": "s3:///prefix"}, "storage.url"),
        ({"url": "s3://bucket", "endpoint": "http://store.example"}, "storage.allow_http"),
    ],
)
def test_an_unusable_url_stops_the_start(settings: dict[str, Any], name: str) -> None:
    with pytest.raises(StartupError, match=name):
        Storage(StorageSettings(**settings))
