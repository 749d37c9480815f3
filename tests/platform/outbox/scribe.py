"""Handlers that write down, in a file, what they are told; for relays in processes of their own.

``python -m tests.platform.outbox.scribe`` is such a relay: `products-api relay` with the handlers of this module.
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
    """What the processes of a test share: a log, and a gate before which handlers wait while it is shut."""

    def __init__(self, path: Path) -> None:
        self._log = path / "log"
        self._gate = path / "gate"
        self._log.touch()

    def write(self, word: str, event: RecordedEvent) -> None:
        with self._log.open("a") as file:  # a short line is written at once, whoever else writes
            file.write(f"{word} {event.aggregate_id} {event.version}\n")

    def read(self, word: str) -> list[tuple[str, int]]:
        """The aggregate and version of each event of which it was written, in the order in which it was."""
        lines = [line.split() for line in self._log.read_text().splitlines()]
        return [(aggregate_id, int(version)) for found, aggregate_id, version in lines if found == word]

    def shut(self) -> None:
        self._gate.touch()

    def open(self) -> None:
        self._gate.unlink()

    async def pass_gate(self) -> None:
        while self._gate.exists():  # noqa: ASYNC110 - what is waited for sets no event
            await asyncio.sleep(0.01)


@component
class Scribe(EventHandler):
    name: ClassVar[str] = "scribe"
    event_types: ClassVar[frozenset[str]] = frozenset({Happened.type})

    async def handle(self, event: RecordedEvent) -> None:
        folder = Folder(Path(os.environ["SCRIBE_FOLDER"]))
        folder.write("told", event)
        await folder.pass_gate()
        folder.write("done", event)


@component
class Accountant(EventHandler):
    """Writes an event of its own, of which the database takes only one."""

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
