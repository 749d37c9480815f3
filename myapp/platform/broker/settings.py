"""The sections ``celery`` and ``worker``."""

from dataclasses import dataclass
from typing import Annotated

from pico_ioc import configured
from pydantic import Field

from ..config import RelativePath


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
