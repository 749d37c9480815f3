"""A signal within the process: events were committed."""

from collections.abc import Callable

from pico_ioc import component


@component
class CommitSignal:
    """Tells listeners that this process has committed events. Other processes do not hear it, so it only saves time.

    A listener is called in the event loop of the writer. It must not raise or wait.
    """

    def __init__(self) -> None:
        self._listeners: list[Callable[[], None]] = []

    @property
    def is_heard(self) -> bool:
        return bool(self._listeners)

    def listen(self, listener: Callable[[], None]) -> None:
        self._listeners.append(listener)

    def ignore(self, listener: Callable[[], None]) -> None:
        self._listeners.remove(listener)

    def tell(self) -> None:
        for listener in self._listeners:
            listener()
