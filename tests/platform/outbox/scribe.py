"""Handlers that log their events to a file, for relays in separate processes.

``python -m tests.platform.outbox.scribe`` starts such a relay: `products-api relay` with the handlers of this module.
"""

import asyncio
import os
from pathlib import Path
from typing import ClassVar

from pico_ioc import PicoContainer, component

from myapp.boot import create_container
from myapp.platform.events.event import RecordedEvent
from myapp.platform.events.handler import EventHandler
from myapp.platform.events.publisher import EventPublisher
from myapp.platform.outbox.relay import EventRelay

from .things import Counted, Happened, Noted


class Folder:
    """The files that the processes of a test share: a log, and a gate. Handlers wait while the gate is shut."""

    def __init__(self, path: Path) -> None:
        self._log = path / "log"
        self._gate = path / "gate"
        self._log.touch()

    def write(self, word: str, event: RecordedEvent) -> None:
        with self._log.open("a") as file:  # appending a short line is atomic, even with several writers
            file.write(f"{word} {event.aggregate_id} {event.version}\n")

    def read(self, word: str) -> list[tuple[str, int]]:
        """Return the aggregate and version of each event that was logged with ``word``, in order."""
        lines = [line.split() for line in self._log.read_text().splitlines()]
        return [(aggregate_id, int(version)) for found, aggregate_id, version in lines if found == word]

    def shut(self) -> None:
        self._gate.touch()

    def open(self) -> None:
        self._gate.unlink()

    async def pass_gate(self) -> None:
        while self._gate.exists():  # noqa: ASYNC110 - a file sets no asyncio event
            await asyncio.sleep(0.01)


@component
class Scribe(EventHandler):
    name: ClassVar[str] = "scribe"
    event_types: ClassVar[frozenset[str]] = frozenset({Happened.type})

    async def handle(self, event: RecordedEvent) -> None:
        folder = Folder(Path(os.environ["SCRIBE_FOLDER"]))
        folder.write("received", event)
        await folder.pass_gate()
        folder.write("done", event)


@component
class Accountant(EventHandler):
    """Publishes an event for each one it receives. The database refuses a duplicate."""

    name: ClassVar[str] = "accountant"
    event_types: ClassVar[frozenset[str]] = frozenset({Counted.type})
    in_transaction: ClassVar[bool] = True

    def __init__(self, publisher: EventPublisher) -> None:
        self._publisher = publisher

    async def handle(self, event: RecordedEvent) -> None:
        await self._publisher.publish(Noted(aggregate_id=event.aggregate_id, version=event.version))
        folder = Folder(Path(os.environ["SCRIBE_FOLDER"]))
        folder.write("counted", event)
        await folder.pass_gate()


async def main(container: PicoContainer) -> None:
    await container.get(EventRelay).run_until_signal()
    await container.ashutdown()


if __name__ == "__main__":
    asyncio.run(main(create_container(modules=["tests.platform.outbox.scribe"])))
