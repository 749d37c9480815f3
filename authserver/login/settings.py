"""The section ``login``."""

from dataclasses import dataclass
from typing import Annotated

from pico_ioc import configured
from pydantic import Field


@configured(target="self", prefix="login", mapping="tree")
@dataclass
class LoginSettings:
    """``parallel_checks``, ``max_waiting`` and ``max_waiting_per_address`` apply to each process.

    ``max_wait`` is in seconds.
    """

    max_failures: Annotated[int, Field(ge=1, le=1000)] = 5
    lock_seconds: Annotated[int, Field(ge=1, le=86_400)] = 60
    parallel_checks: Annotated[int, Field(ge=1, le=32)] = 2
    max_waiting: Annotated[int, Field(ge=1, le=10_000)] = 40
    max_waiting_per_address: Annotated[int, Field(ge=1, le=10_000)] = 20
    max_wait: Annotated[float, Field(gt=0, le=60)] = 3.0
