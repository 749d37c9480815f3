"""The tasks of the worker."""

import uuid

from celery import current_task
from pico_celery import task
from pico_ioc import component

from myapp.platform.context.request_id import set_request_id
from myapp.platform.errors import UnavailableError
from myapp.reports.queue import TASK
from myapp.reports.services import ReportService


@component
class ReportTasks:
    def __init__(self, service: ReportService) -> None:
        self._service = service

    # Four attempts, like the cookbook's recipe. The broker keeps the message until the report is made, and requeues it
    # if the process dies.
    @task(
        name=TASK,
        autoretry_for=(UnavailableError,),
        max_retries=3,
        retry_jitter=False,
        acks_late=True,
        reject_on_worker_lost=True,
    )
    async def make(self, report_id: str) -> None:
        set_request_id(current_task.request.get("request_id"))
        await self._service.make(uuid.UUID(report_id))
