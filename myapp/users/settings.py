"""The section ``users``."""

from dataclasses import dataclass
from typing import Annotated

from pico_ioc import configured
from pydantic import Field


@configured(target="self", prefix="users", mapping="tree")
@dataclass
class UsersSettings:
    """Times are in seconds. A process caches a user's status for ``status_ttl``.

    While the database does not answer, the process uses the cached status for ``status_grace``.
    """

    status_ttl: Annotated[float, Field(gt=0, le=5)] = 3.0
    status_grace: Annotated[float, Field(ge=0)] = 60.0
    status_cache_size: Annotated[int, Field(ge=1)] = 10_000
