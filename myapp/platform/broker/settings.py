"""The sections ``celery`` and ``worker``."""

from dataclasses import dataclass
from typing import Annotated, Literal

from pico_ioc import configured
from pydantic import Field

from ..config import RelativePath


@configured(target="self", prefix="celery", mapping="tree")
@dataclass
class CelerySection:
    """pico-celery's section. It is typed here too, so that a process can check it without importing Celery.

    ``broker_url`` is a file, for processes on one machine, or a RabbitMQ server. ``backend_url`` is Celery's result
    store; it is not needed, because the state of a report is in its row.
    """

    broker_url: RelativePath = "./data/broker.db"
    backend_url: str = ""
    task_track_started: bool = True


@configured(target="self", prefix="worker", mapping="tree")
@dataclass
class WorkerSettings:
    """Settings that are missing in pico-celery's own section. Times are in seconds.

    RabbitMQ requeues a message that is not acknowledged within half an hour: ``time_limit`` must be shorter.
    """

    queue: Annotated[str, Field(pattern=r"^[A-Za-z0-9._-]{1,100}$")] = "reports"
    queue_type: Literal["quorum", "classic"] = "quorum"
    concurrency: Annotated[int, Field(ge=1, le=64)] = 1
    time_limit: Annotated[int, Field(ge=1, lt=1800)] = 1200
