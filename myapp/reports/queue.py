"""The queue of the reports that a worker makes."""

import asyncio
import logging
from functools import cached_property
from typing import TYPE_CHECKING

from pico_ioc import component

from ..platform.broker.options import celery_options, check_broker_url
from ..platform.broker.settings import CelerySection, WorkerSettings
from ..platform.context.request_id import current_request_id
from ..platform.errors import BrokerUnavailableError
from ..platform.text import error_summary

if TYPE_CHECKING:
    from celery import Celery

logger = logging.getLogger(__name__)

TASK = "reports.make"
STEP_TIMEOUT = 1.0
"""Seconds for each step of the broker: to connect, to declare the queue, to confirm the message."""
TIMEOUT = 4.0
"""Seconds for all steps together."""


@component
class ReportQueue:
    """Sends reports to the workers. Raises StartupError for impossible broker settings."""

    def __init__(self, section: CelerySection, worker: WorkerSettings) -> None:
        check_broker_url(section)
        self._section = section
        self._worker = worker

    async def send(self, report_id: str) -> None:
        """Send the report to a worker. On return, the broker has the message on disk.

        Raises BrokerUnavailableError. Even then the message may have been sent.
        """
        try:
            async with asyncio.timeout(TIMEOUT):
                await asyncio.to_thread(self._publish, report_id)
        except Exception as error:  # each transport of kombu has its own errors
            reason = error_summary(error.__cause__ or error)  # kombu's own error has no more than the text of its cause
            logger.warning("the broker did not accept report %s: %s", report_id, reason)
            raise BrokerUnavailableError from error

    def _publish(self, report_id: str) -> None:
        """Publish on a new connection: few reports need a worker, and a new connection cannot be stale."""
        from celery.utils.threads import bound_open_broker_sockets

        with self._celery.connection_for_write() as connection:
            try:
                connection.ensure_connection(max_retries=1, interval_start=0)
                # py-amqp 5.4 ignores its own `read_timeout`.
                bound_open_broker_sockets(connection, STEP_TIMEOUT)
                headers = {"request_id": current_request_id()}
                self._celery.send_task(TASK, (report_id,), connection=connection, headers=headers, retry=False)
            except Exception:
                connection.collect()  # closes at once; a normal close would wait for a broker that does not answer
                raise

    @cached_property
    def _celery(self) -> "Celery":
        from celery import Celery

        celery = Celery("products-api", set_as_current=False)
        celery.conf.update(celery_options(self._section, self._worker, STEP_TIMEOUT))
        return celery
