"""The scenarios that are measured, and the required ratio to the peer."""

from dataclasses import dataclass

from benchmarks.catalogue import COMMON_WORD


@dataclass(frozen=True)
class Scenario:
    name: str
    path: str
    target: float
    script: str | None = None
    is_authorized: bool = True
    is_refused: bool = False
    """Whether all answers must have an error status. Otherwise none may have one."""
    has_events: bool = False
    """Whether requests cause events. Their delivery belongs to the round, which ends when all are delivered."""


# Create is last, because it makes the table longer.
SCENARIOS = [
    Scenario("health", "/api/v1/health", 0.95, is_authorized=False),
    Scenario("401", "/api/v1/products/1", 2.0, is_authorized=False, is_refused=True),
    Scenario("get by id", "/api/v1/products/1", 1.3, script="get_by_id.lua"),
    Scenario("first page", "/api/v1/products/paged?page=1&page_size=10", 1.1),
    Scenario("search", f"/api/v1/products/search?q={COMMON_WORD}&limit=50", 1.1),
    Scenario("create", "/api/v1/products/", 1.0, script="create.lua", has_events=True),
]
