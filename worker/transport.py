"""The file-based broker, as the worker reads from it."""

from typing import Any

from kombu.transport import sqlalchemy

INTERVAL = 0.5
"""Seconds between two looks for messages."""


class PolledTransport(sqlalchemy.Transport):
    """kombu's messages in a database, looked for by Celery's event loop.

    Without an event loop, Celery 5.7 takes billiard's blocking pool, whose processes share one lock: a process that is
    killed while it waits for work takes the lock with it, and nothing is ever made again (billiard 4.3).
    """

    implements = sqlalchemy.Transport.implements.extend(asynchronous=True)

    def register_with_event_loop(self, connection: Any, loop: Any) -> None:
        loop.call_repeatedly(INTERVAL, self.poll, connection)

    def poll(self, connection: Any) -> None:
        """Take every message that there is room for."""
        try:
            while self.channels:
                self.drain_events(connection, timeout=0)  # type: ignore[no-untyped-call]
        except TimeoutError:
            return
