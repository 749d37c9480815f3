"""The state of one attempt to make a report. The event loop and the writing thread share it."""

import threading
from dataclasses import dataclass, field

from .models import Report


class StoppedError(Exception):
    """The report was cancelled, or another process has claimed it."""


@dataclass
class Attempt:
    """Counts rows: ``total`` is an estimate, ``read`` are in the spool, ``written`` are in the file."""

    report: Report
    total: int = 0
    read: int = 0
    written: int = 0
    stopped: threading.Event = field(default_factory=threading.Event)

    @property
    def progress(self) -> int:
        """The progress in percent: 50 for reading the rows, 50 for writing them.

        It is 99 at most, because 100 means that the file is stored.
        """
        passes = (min(self.read / max(self.total, 1), 1.0), min(self.written / max(self.read, 1), 1.0))
        return min(int(50 * sum(passes)), 99)

    def raise_if_stopped(self) -> None:
        if self.stopped.is_set():
            raise StoppedError

    def on_rows(self, number: int) -> None:
        self.written = number
        self.raise_if_stopped()
