"""What stands between those who ask for reports and the workers: two sections, and what they mean to Celery."""

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any

from pico_ioc import configured
from pydantic import Field

from ..config import RelativePath
from ..errors import StartupError

AMQP = ("amqp://", "amqps://")


@configured(target="self", prefix="celery", mapping="tree")
@dataclass
class CelerySection:
    """pico-celery's section, typed here too, so that it can be checked in a process that does not import Celery.

    ``broker_url`` is a file, which serves the processes of one machine, or a RabbitMQ server. ``backend_url``, Celery's
    store of results, is not needed: a report's row says what became of it.
    """

    broker_url: RelativePath = "./data/broker.db"
    backend_url: str = ""
    task_track_started: bool = True


@configured(target="self", prefix="worker", mapping="tree")
@dataclass
class WorkerSettings:
    """What pico-celery's own section has no key for. Times are in seconds.

    RabbitMQ takes a message back that is not acknowledged after half an hour: ``time_limit`` must be shorter.
    """

    queue: Annotated[str, Field(pattern=r"^[A-Za-z0-9._-]{1,100}$")] = "reports"
    concurrency: Annotated[int, Field(ge=1, le=64)] = 1
    time_limit: Annotated[int, Field(ge=1, lt=1800)] = 1200


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
            "broker_transport_options": {"connect_args": {"timeout": patience}},
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
