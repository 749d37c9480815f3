"""The queue of reports that a worker makes."""

import asyncio
import logging
from functools import cached_property
from typing import TYPE_CHECKING

from pico_ioc import component

from ..platform.broker.options import celery_options, check
from ..platform.broker.settings import CelerySection, WorkerSettings
from ..platform.context.request_id import current_request_id
from ..platform.errors import BrokerUnavailableError
from ..platform.text import error_summary

if TYPE_CHECKING:
    from celery import Celery

logger = logging.getLogger(__name__)

TASK = "reports.make"
STEP_TIMEOUT = 1.0
"""Seconds that the broker may take for one step: to connect, to declare the queue, to confirm the message."""
TIMEOUT = 4.0
"""Seconds for all of them."""


@component
class ReportQueue:
    """Raises StartupError for a broker that cannot be."""

    def __init__(self, section: CelerySection, worker: WorkerSettings) -> None:
        check(section)
        self._section = section
        self._worker = worker

    async def send(self, report_id: str) -> None:
        """Have the report made by a worker. When this returns, the broker has the message on disk.

        Raises BrokerUnavailableError; the message may have been sent all the same.
        """
        try:
            async with asyncio.timeout(TIMEOUT):
                await asyncio.to_thread(self._publish, report_id)
        except Exception as error:  # each transport of kombu has errors of its own
            logger.warning("the broker does not take report %s: %s", report_id, error_summary(error))
            raise BrokerUnavailableError from error

    def _publish(self, report_id: str) -> None:
        """On a connection of its own: reports that need a worker are few, and nothing can be stale."""
        from celery.utils.threads import bound_open_broker_sockets

        with self._celery.connection_for_write() as connection:
            try:
                connection.ensure_connection(max_retries=1, interval_start=0)
                # py-amqp 5.4 takes no notice of its own `read_timeout`.
                bound_open_broker_sockets(connection, STEP_TIMEOUT)
                headers = {"request_id": current_request_id()}
                self._celery.send_task(TASK, (report_id,), connection=connection, headers=headers, retry=False)
            except Exception:
                connection.collect()  # at once, without a word to a broker that does not answer
                raise

    @cached_property
    def _celery(self) -> "Celery":
        from celery import Celery

        celery = Celery("products-api", set_as_current=False)
        celery.conf.update(celery_options(self._section, self._worker, STEP_TIMEOUT))
        return celery
