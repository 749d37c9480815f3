"""The HTTP API of the health checks."""

from typing import Any

from pico_client_auth import allow_anonymous
from pico_fastapi import controller

from ..platform.web.problems import NOT_READY, HttpProblem
from ..platform.web.routing import get
from .schemas import Liveness, Readiness
from .services import HealthService


@controller(prefix="/api/v1/health", tags=["Health"], scope="singleton")
class HealthController:
    def __init__(self, service: HealthService) -> None:
        self._service = service

    @get("", response_model=Liveness)
    @allow_anonymous
    async def health(self) -> Any:
        """Liveness: answer if the process runs. Nothing else is checked."""
        return Liveness(status="ok")

    @get("/ready", response_model=Readiness, errors=[NOT_READY])
    @allow_anonymous
    async def ready(self) -> Any:
        """Readiness: check that the database can be used, the schema is not behind, and the issuer's keys are there."""
        if not await self._service.is_ready():
            raise HttpProblem(NOT_READY, "down", {"Retry-After": "5"})
        return Readiness(status="up")
