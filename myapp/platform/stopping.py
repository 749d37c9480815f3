"""Notice early that the process is asked to stop, so that requests which wait can be answered at once."""

import asyncio
import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import FrameType

from pico_ioc import component

SIGNALS = (signal.SIGTERM, signal.SIGINT)


@component
class Stopping:
    """Whether this process has been asked to stop.

    An ASGI server tells the application only when all requests have ended. A request that waits would hold it up.
    """

    def __init__(self) -> None:
        self.has_begun = False
        self._listeners: list[Callable[[], None]] = []

    def listen(self, listener: Callable[[], None]) -> None:
        """Call ``listener`` in the event loop when the process is asked to stop. It must not raise."""
        self._listeners.append(listener)

    @contextmanager
    def noticed(self) -> Iterator[None]:
        """Notice the signals during the block. The server's own handlers are called as before.

        A signal without a handler ends the process at once, so it is left alone. So are all outside of the main thread,
        where Python runs no handlers.
        """
        loop = asyncio.get_running_loop()
        replaced = {}
        if threading.current_thread() is threading.main_thread():
            for number in SIGNALS:
                if callable(handler := signal.getsignal(number)):
                    replaced[number] = handler

        def handle(number: int, frame: FrameType | None) -> None:
            loop.call_soon_threadsafe(self.begin)
            replaced[signal.Signals(number)](number, frame)

        for number in replaced:
            signal.signal(number, handle)
        try:
            yield
        finally:
            self.begin()
            for number, handler in replaced.items():
                if signal.getsignal(number) is handle:
                    signal.signal(number, handler)

    def begin(self) -> None:
        if not self.has_begun:
            self.has_begun = True
            for listener in self._listeners:
                listener()
