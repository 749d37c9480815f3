"""Analytics over HTTP."""

from typing import Annotated, Any

from fastapi import Query
from pico_fastapi import controller
from pydantic import ConfigDict

from ..platform.auth.authorities import requires_permission
from ..platform.web.routing import get
from .schemas import DailyCountResponse, DailyCountsQuery
from .services import AnalyticsService


class DailyCountsParameters(DailyCountsQuery):
    """Of unknown parameters ``web/routing.py`` tells."""

    model_config = ConfigDict(extra="ignore")


@controller(prefix="/api/v1/analytics", tags=["Analytics"], scope="singleton")
class AnalyticsController:
    def __init__(self, service: AnalyticsService) -> None:
        self._service = service

    @get("/daily", response_model=list[DailyCountResponse])
    @requires_permission("events:admin")
    async def daily_counts(self, query: Annotated[DailyCountsParameters, Query()]) -> Any:
        """How many events of each type occurred on each day, by day and type; what there was none of is not there."""
        return await self._service.daily(query)
