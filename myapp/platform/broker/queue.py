"""The queue at the broker."""

import logging
from functools import cache
from typing import TYPE_CHECKING, Any

from .settings import WorkerSettings

if TYPE_CHECKING:
    from kombu.entity import Queue

logger = logging.getLogger(__name__)


def create_queue(worker: WorkerSettings, *, is_rabbitmq: bool) -> "Queue":
    """Return the queue of ``worker.queue``, which senders and workers declare. It is durable, as are its messages.

    RabbitMQ cannot change a queue. One that stands with another type or other arguments than ours is used as it is,
    and the log says so once. RabbitMQ before 3.8 ignores the type, because it knows classic queues only.
    """
    from amqp import PreconditionFailed
    from kombu.entity import Queue

    arguments = {"x-queue-type": worker.queue_type} if is_rabbitmq else None
    wanted = Queue(worker.queue, queue_arguments=arguments)  # type: ignore[no-untyped-call] # kombu is typed in part

    class StandingQueue(Queue):
        """Hides its type from Celery, see ``worker.consumer.PerConsumerConnection``."""

        def declare(self, nowait: bool = False, channel: Any = None) -> str:
            client = (channel or self.channel).connection.client
            with client.channel() as own:  # RabbitMQ closes the channel of a declaration that it refuses
                try:
                    wanted(own).declare()  # type: ignore[no-untyped-call] # kombu is typed in part
                except PreconditionFailed as error:
                    warn_once(
                        f"the broker has the queue {worker.queue} with other arguments and it is used as it is; "
                        f"delete it or change worker.queue or worker.queue_type: {error.reply_text}"
                    )
            return worker.queue

    return StandingQueue(worker.queue)  # type: ignore[no-untyped-call] # kombu is typed in part


@cache
def warn_once(line: str) -> None:
    logger.warning("%s", line)
