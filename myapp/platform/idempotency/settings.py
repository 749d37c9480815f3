"""The section ``idempotency``."""

from dataclasses import dataclass
from typing import Annotated

from pico_ioc import configured
from pydantic import Field

from ..config import Seconds


@configured(target="self", prefix="idempotency", mapping="tree")
@dataclass
class IdempotencySettings:
    """``wait`` is how many seconds a request waits for an equal one that is still running.

    Of an answer that is larger than ``max_answer_bytes``, only status and ``Location`` are stored.
    """

    keep_days: Annotated[int, Field(ge=1, le=3650)] = 7
    wait: Seconds = 1.5
    max_answer_bytes: Annotated[int, Field(ge=0)] = 262_144
