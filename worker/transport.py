"""Let the worker read from the file-based broker."""

from typing import Any

from kombu.transport import sqlalchemy

POLL_INTERVAL = 0.5
"""Seconds between two polls for messages."""


class PolledTransport(sqlalchemy.Transport):
    """kombu's transport that keeps messages in a database, polled by Celery's event loop.

    Without an event loop, Celery 5.7 uses billiard's blocking pool, whose processes share one lock. If a process is
    killed while it waits for work, the lock is never released and no report is ever made again (billiard 4.3).
    """

    implements = sqlalchemy.Transport.implements.extend(asynchronous=True)

    def register_with_event_loop(self, connection: Any, loop: Any) -> None:
        loop.call_repeatedly(POLL_INTERVAL, self.poll, connection)

    def poll(self, connection: Any) -> None:
        """Receive messages until none is left or the worker is busy."""
        try:
            while self.channels:
                self.drain_events(connection, timeout=0)  # type: ignore[no-untyped-call]
        except TimeoutError:
            return
