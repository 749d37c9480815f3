"""The HTTP API of analytics."""

from typing import Annotated, Any

from fastapi import Query
from pico_fastapi import controller

from ..platform.auth.authorities import requires_permission
from ..platform.web.query import QueryModel
from ..platform.web.routing import get
from .schemas import DailyCountResponse, DailyCountsFilter
from .services import AnalyticsService


class DailyCountsQuery(DailyCountsFilter, QueryModel): ...


@controller(prefix="/api/v1/analytics", tags=["Analytics"], scope="singleton")
class AnalyticsController:
    def __init__(self, service: AnalyticsService) -> None:
        self._service = service

    @get("/daily", response_model=list[DailyCountResponse])
    @requires_permission("events:admin")
    async def daily_counts(self, query: Annotated[DailyCountsQuery, Query()]) -> Any:
        """Return the number of events of each day and type, sorted by day and type. There are no entries for zero."""
        return await self._service.daily(query)
