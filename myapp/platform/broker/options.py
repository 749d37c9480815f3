"""Translate the settings into Celery's options, which senders and workers share."""

from pathlib import Path
from typing import Any

from sqlalchemy import NullPool

from ..config import make_parent
from ..errors import StartupError
from .queue import create_queue
from .settings import CelerySection, WorkerSettings

AMQP = ("amqp://", "amqps://")


def celery_options(section: CelerySection, worker: WorkerSettings, step_timeout: float) -> dict[str, Any]:
    """Return the Celery options that senders and workers share.

    ``step_timeout`` is the time limit in seconds for each step of talking to the broker.

    A broker file is an SQLite database. Any number of processes may write to it, only one of them takes each message,
    and about a kilobyte of each message stays in the file. kombu 5.7 has another transport for files, ``filesystem``,
    but it lets a reader take a message that is still being written.

    Raises StartupError if ``broker_url`` is not usable.
    """
    check_broker_url(section)
    if is_file(section):
        make_parent(Path(section.broker_url), "celery.broker_url (CELERY__BROKER_URL)")
        broker: dict[str, Any] = {
            "broker_url": f"sqlite:///{section.broker_url}",
            "broker_transport": "sqlalchemy",
            "broker_transport_options": {"connect_args": {"timeout": step_timeout}, "poolclass": NullPool},
        }
    else:
        broker = {
            "broker_url": section.broker_url,
            "broker_transport_options": {
                "confirm_publish": True
            },  # a send returns when the message is on the broker's disk
        }
    return {
        **broker,
        "broker_connection_timeout": step_timeout,
        "task_queues": [create_queue(worker, is_rabbitmq=not is_file(section))],
        "task_default_queue": worker.queue,
        "task_ignore_result": not section.backend_url,
    }


def check_broker_url(section: CelerySection) -> None:
    """Raise StartupError if ``broker_url`` is neither a file nor a RabbitMQ server."""
    if not is_file(section) and not section.broker_url.startswith(AMQP):
        raise StartupError("celery.broker_url (CELERY__BROKER_URL): must be a file or amqp://USER:PASSWORD@HOST/VHOST")


def is_file(section: CelerySection) -> bool:
    return "://" not in section.broker_url
