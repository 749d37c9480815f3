"""The section ``events``."""

from dataclasses import dataclass
from typing import Annotated

from pico_ioc import configured
from pydantic import Field

from ..config import Seconds


@configured(target="self", prefix="events", mapping="tree")
@dataclass
class EventsSettings:
    """Settings of the relay. Times are in seconds.

    ``lease`` is how long a delivery belongs to the process that claimed it. It must be longer than ``handler_timeout``
    and ``transaction_timeout``, by as much as the clocks of the hosts may differ. The pause after a failure doubles
    from ``backoff`` to ``max_backoff``.
    """

    relay: bool = True
    poll_interval: Seconds = 0.5
    handler_timeout: Seconds = 30.0
    transaction_timeout: Seconds = 2.0
    lease: Seconds = 60.0
    concurrency: Annotated[int, Field(ge=1, le=100)] = 4
    batch_size: Annotated[int, Field(ge=1, le=1000)] = 100
    max_attempts: Annotated[int, Field(ge=1, le=100)] = 12
    backoff: Seconds = 1.0
    max_backoff: Seconds = 300.0
    stop_timeout: Seconds = 10.0
    keep_delivered_days: Annotated[int, Field(ge=1)] = 30
