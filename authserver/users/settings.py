"""The section ``passwords``."""

from dataclasses import dataclass
from typing import Annotated

from pico_ioc import configured
from pydantic import Field


@configured(target="self", prefix="passwords", mapping="tree")
@dataclass
class PasswordSettings:
    """The parameters of argon2id (RFC 9106 §3.1): memory in KiB, number of passes, number of lanes."""

    memory_kib: Annotated[int, Field(ge=64, le=4_194_304)] = 65_536
    time_cost: Annotated[int, Field(ge=1, le=100)] = 3
    parallelism: Annotated[int, Field(ge=1, le=64)] = 4
