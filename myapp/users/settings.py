"""The section ``users``."""

from dataclasses import dataclass
from typing import Annotated

from pico_ioc import configured
from pydantic import Field


@configured(target="self", prefix="users", mapping="tree")
@dataclass
class UsersSettings:
    """Times are in seconds. ``status_ttl`` is how late a process may hear that a user was deactivated;
    ``status_grace`` how long it goes by what it last heard while the database does not answer.
    """

    status_ttl: Annotated[float, Field(gt=0, le=5)] = 3.0
    status_grace: Annotated[float, Field(ge=0)] = 60.0
    status_cache_size: Annotated[int, Field(ge=1)] = 10_000
