"""The section ``reports``."""

from dataclasses import dataclass
from typing import Annotated

from pico_ioc import configured
from pydantic import Field

from ..platform.config import Seconds


@configured(target="self", prefix="reports", mapping="tree")
@dataclass
class ReportsSettings:
    """Times are in seconds unless the name has another unit.

    For the time of ``lease`` a report belongs to the process that makes it; each ``heartbeat`` renews the lease.
    """

    inline_rows: Annotated[int, Field(ge=0)] = 1000
    inline_at_once: Annotated[int, Field(ge=1, le=100)] = 2
    batch_size: Annotated[int, Field(ge=1, le=10_000)] = 1000
    expire_days: Annotated[int, Field(ge=1, le=3650)] = 7
    attach_max_bytes: Annotated[int, Field(ge=0)] = 5_000_000
    link_hours: Annotated[int, Field(ge=1)] = 72
    heartbeat: Seconds = 0.5
    lease: Seconds = 30.0
    max_attempts: Annotated[int, Field(ge=1, le=100)] = 4
    retry_pause: Seconds = 20.0
    requeue_after: Seconds = 120.0
