"""The tasks of the worker."""

import logging
import uuid

from celery import current_task
from pico_celery import task
from pico_ioc import component

from myapp.platform.context.request_id import set_request_id
from myapp.platform.errors import UnavailableError
from myapp.reports.queue import TASK
from myapp.reports.services import ReportService

logger = logging.getLogger(__name__)


@component
class ReportTasks:
    def __init__(self, service: ReportService) -> None:
        self._service = service

    # The broker keeps the message until the report is made, and requeues it if the process dies. A sweep sends the
    # next attempt: with a quorum queue, a retry that waits in the worker would keep the worker from other reports.
    @task(name=TASK, acks_late=True, reject_on_worker_lost=True)
    async def make(self, report_id: str) -> None:
        set_request_id(current_task.request.get("request_id"))
        try:
            await self._service.make(uuid.UUID(report_id))
        except UnavailableError as error:
            logger.warning("report %s will be tried again: %s", report_id, error)
