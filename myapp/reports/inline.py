"""Makes small reports in the process that took the request, after its response."""

import asyncio
import logging
import uuid

from pico_ioc import component

from ..platform.errors import UnavailableError
from .services import ReportService
from .settings import ReportsSettings

logger = logging.getLogger(__name__)


@component
class InlineReports:
    def __init__(self, service: ReportService, settings: ReportsSettings) -> None:
        self._service = service
        self._slots = asyncio.Semaphore(settings.inline_at_once)

    async def make(self, report_id: uuid.UUID) -> None:
        """Make the report; never raises. If that is impossible now, the sweep sends the report to the queue later."""
        async with self._slots:
            try:
                await self._service.make(report_id)
            except UnavailableError as error:
                logger.warning("report %s will be made by the queue: %s", report_id, error)
