"""One attempt to make a report, as the threads that work at it see it."""

import threading
from dataclasses import dataclass, field

from .models import Report


class StoppedError(Exception):
    """The report was cancelled, or somebody else has it."""


@dataclass
class Attempt:
    """``total`` rows there are, about; ``read`` of them are in the spool, ``written`` to the file."""

    report: Report
    total: int = 0
    read: int = 0
    written: int = 0
    stopped: threading.Event = field(default_factory=threading.Event)

    @property
    def progress(self) -> int:
        """In percent; one half for each pass over the rows. It reaches 100 with the file only."""
        passes = (min(self.read / max(self.total, 1), 1.0), min(self.written / max(self.read, 1), 1.0))
        return min(int(50 * sum(passes)), 99)

    def go_on(self) -> None:
        if self.stopped.is_set():
            raise StoppedError

    def on_rows(self, number: int) -> None:
        self.written = number
        self.go_on()
