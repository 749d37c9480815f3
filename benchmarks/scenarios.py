"""What is measured, and the ratio to the peer that is asked of the Products API."""

from dataclasses import dataclass

from benchmarks.catalogue import COMMON_WORD


@dataclass(frozen=True)
class Scenario:
    name: str
    path: str
    target: float
    script: str | None = None
    authorized: bool = True
    refused: bool = False
    """Every answer is to be a refusal; otherwise none."""
    tells_events: bool = False
    """The API then has events to deliver, which belong to the round: a round ends when all are."""


# Create comes last: it makes the table longer.
SCENARIOS = [
    Scenario("health", "/api/v1/health", 0.95, authorized=False),
    Scenario("401", "/api/v1/products/1", 2.0, authorized=False, refused=True),
    Scenario("get by id", "/api/v1/products/1", 1.3, script="get_by_id.lua"),
    Scenario("first page", "/api/v1/products/paged?page=1&page_size=10", 1.1),
    Scenario("search", f"/api/v1/products/search?q={COMMON_WORD}&limit=50", 1.1),
    Scenario("create", "/api/v1/products/", 1.0, script="create.lua", tells_events=True),
]
