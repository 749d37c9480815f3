"""A TCP proxy between the application and its database, which simulates network failures."""

import asyncio
import threading
from collections.abc import Coroutine
from typing import Any, Self

from sqlalchemy import URL

from .databases import free_port


class Proxy:
    """Forwards a local port to ``target``, in its own thread."""

    def __init__(self, target: URL, port: int | None = None) -> None:
        self.switch(target)
        self.port = port or free_port()
        self.url = target.set(host="127.0.0.1", port=self.port).render_as_string(hide_password=False)
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, daemon=True)
        self._server: asyncio.Server | None = None
        self._writers: set[asyncio.StreamWriter] = set()
        self._tasks: set[asyncio.Task[None]] = set()
        self._flowing = asyncio.Event()
        self._flowing.set()

    def __enter__(self) -> Self:
        self._thread.start()
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.resume()
        self.stop()
        self._run(self._end())
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()

    def start(self) -> None:
        """Accept connections."""
        self._run(self._start())

    def stop(self) -> None:
        """Drop all connections and refuse new ones."""
        self._run(self._stop())

    def switch(self, target: URL) -> None:
        """Forward new connections to ``target``. Those that are open stay with the old one."""
        self._target = (target.host or "127.0.0.1", target.port or 5432)

    def stall(self) -> None:
        """Keep and accept connections, but forward nothing."""
        self._loop.call_soon_threadsafe(self._flowing.clear)

    def resume(self) -> None:
        """Forward again after ``stall``."""
        self._loop.call_soon_threadsafe(self._flowing.set)

    def _part(self, data: bytes) -> bytes:
        """Return how much of ``data`` is forwarded. After less than all of it, the connection is closed."""
        return data

    def _run(self, work: Coroutine[Any, Any, None]) -> None:
        asyncio.run_coroutine_threadsafe(work, self._loop).result(10)

    async def _start(self) -> None:
        self._server = await asyncio.start_server(self._connected, "127.0.0.1", self.port)

    async def _stop(self) -> None:
        if self._server:
            self._server.close()
            self._server = None
        for writer in self._writers:
            writer.transport.abort()

    async def _end(self) -> None:
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    async def _connected(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            far_reader, far_writer = await asyncio.open_connection(*self._target)
        except OSError:
            writer.transport.abort()
            return
        self._writers |= {writer, far_writer}
        for source, sink in ((reader, far_writer), (far_reader, writer)):
            task = asyncio.create_task(self._forward(source, sink))
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)

    async def _forward(self, source: asyncio.StreamReader, sink: asyncio.StreamWriter) -> None:
        try:
            while data := await source.read(65536):
                await self._flowing.wait()
                part = self._part(data)
                sink.write(part)
                await sink.drain()
                if len(part) < len(data):
                    break
        except OSError:
            pass
        finally:
            sink.close()
            self._writers.discard(sink)
