"""What the settings mean to Celery: the same for those who send and those who work."""

from pathlib import Path
from typing import Any

from sqlalchemy import NullPool

from ..errors import StartupError
from .settings import CelerySection, WorkerSettings

AMQP = ("amqp://", "amqps://")


def celery_options(section: CelerySection, worker: WorkerSettings, patience: float) -> dict[str, Any]:
    """Celery's configuration that sender and worker share. ``patience`` is how many seconds each step towards the
    broker may take.

    The file is an SQLite database: any number of processes may write, each message is taken by one alone, and a
    kilobyte of each stays. kombu 5.7's other transport of files, ``filesystem``, lets a reader take a message that is
    still being written.

    Raises StartupError for a broker that cannot be.
    """
    from kombu.entity import Queue

    check(section)
    if is_file(section):
        make_folder(Path(section.broker_url))
        broker: dict[str, Any] = {
            "broker_url": f"sqlite:///{section.broker_url}",
            "broker_transport": "sqlalchemy",
            "broker_transport_options": {"connect_args": {"timeout": patience}, "poolclass": NullPool},
        }
    else:
        broker = {
            "broker_url": section.broker_url,
            "broker_transport_options": {"confirm_publish": True},  # a message that is sent is on the broker's disk
        }
    return {
        **broker,
        "broker_connection_timeout": patience,
        "task_queues": [Queue(worker.queue)],  # type: ignore[no-untyped-call] # durable, as its messages are
        "task_default_queue": worker.queue,
        "task_ignore_result": not section.backend_url,
    }


def check(section: CelerySection) -> None:
    """Raises StartupError."""
    if not is_file(section) and not section.broker_url.startswith(AMQP):
        raise StartupError("celery.broker_url (CELERY__BROKER_URL): must be a file or amqp://USER:PASSWORD@HOST/VHOST")


def make_folder(file: Path) -> None:
    """The folder of ``file``, where only that last folder is missing. Raises StartupError."""
    try:
        file.parent.mkdir(exist_ok=True)
    except OSError as error:
        raise StartupError(
            f"celery.broker_url (CELERY__BROKER_URL): the folder {file.parent}: {error.strerror}"
        ) from error


def is_file(section: CelerySection) -> bool:
    return "://" not in section.broker_url
