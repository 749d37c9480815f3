"""The scenarios that are measured, and what is required of them."""

from dataclasses import dataclass

from benchmarks.catalogue import COMMON_WORD


@dataclass(frozen=True)
class Target:
    """What the API must reach, compared with another service."""

    per_second: float
    """The smallest ratio of the requests per second."""
    cpu: float = float("inf")
    """The largest ratio of the CPU time per request."""


@dataclass(frozen=True)
class Scenario:
    name: str
    path: str
    targets: dict[str, Target]
    """What is required, by the name of the other service. A service without a target is not measured."""
    script: str | None = None
    is_authorized: bool = True
    is_refused: bool = False
    """Whether all answers must have an error status. Otherwise none may have one."""
    has_events: bool = False
    """Whether requests cause events. Their delivery belongs to the round, which ends when all are delivered."""


ANY = Target(0.0)
AT_LEAST_AS_FAST = Target(1.0)

# Create is last, because it makes the table longer.
SCENARIOS = [
    Scenario(
        "health",
        "/api/v1/health",
        {"peer": Target(0.95), "lean": Target(1.2, 0.8), "fast": AT_LEAST_AS_FAST},
        is_authorized=False,
    ),
    Scenario(
        "401",
        "/api/v1/products/1",
        {"peer": Target(2.2), "lean": Target(1.65, 0.6), "fast": AT_LEAST_AS_FAST},
        is_authorized=False,
        is_refused=True,
    ),
    Scenario(
        "get by id",
        "/api/v1/products/1",
        {"peer": Target(1.6), "lean": Target(1.6, 0.6), "fast": AT_LEAST_AS_FAST},
        script="get_by_id.lua",
    ),
    Scenario(
        "first page",
        "/api/v1/products/paged?page=1&page_size=10",
        {"peer": Target(1.4), "lean": Target(3, 0.58), "fast": AT_LEAST_AS_FAST},
    ),
    Scenario(
        "search",
        f"/api/v1/products/search?q={COMMON_WORD}&limit=50",
        {"peer": Target(1.3), "lean": Target(1.45, 0.62), "fast": AT_LEAST_AS_FAST},
    ),
    Scenario(
        "update",
        "/api/v1/products/1",
        {"lean": Target(1.3), "fast": ANY},
        script="update.lua",
        has_events=True,
    ),
    Scenario(
        "create",
        "/api/v1/products/",
        {"peer": Target(1.4), "lean": Target(1.25, 0.78), "fast": ANY},
        script="create.lua",
        has_events=True,
    ),
]
