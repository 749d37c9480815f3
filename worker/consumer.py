"""Connect the worker to the broker."""

from typing import Any

from amqp.exceptions import AMQPError, ChannelError, InvalidPath, NotAllowed
from celery.app.amqp import AMQP
from celery.exceptions import WorkerShutdown
from celery.worker.consumer import Consumer
from kombu.connection import Connection


class PerConsumerConnection(Connection):
    """Limits the messages of each consumer, not of its channel: quorum queues refuse the latter.

    Celery 5.7 does so only if it knows that the queue is one. Then it also declares 28 queues for delayed messages,
    which do not work with our queue, because its exchange is a direct one.
    """

    @property
    def qos_semantics_matches_spec(self) -> bool:
        return True


class ReportsAMQP(AMQP):  # type: ignore[misc] # Celery has no types
    Connection = PerConsumerConnection


class ReportsConsumer(Consumer):  # type: ignore[misc]
    """Waits for a broker that is down, but ends the worker if the broker refuses it.

    Celery 5.7 connects for ever to a virtual host that does not exist, and ends with a traceback for a wrong password.
    """

    def start(self) -> None:
        try:
            super().start()
        except ChannelError as error:
            raise refused(error) from error

    def connection_for_read(self, heartbeat: float | None = None) -> Any:
        try:
            return super().connection_for_read(heartbeat)
        except (InvalidPath, NotAllowed) as error:
            raise refused(error) from error


def refused(error: AMQPError) -> WorkerShutdown:
    """Return the order to end the worker. Its code is the reason in one line, see ``worker.process.run``."""
    return WorkerShutdown(f"celery.broker_url (CELERY__BROKER_URL): the broker refuses: {error.reply_text}")
