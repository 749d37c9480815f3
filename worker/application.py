"""The worker's container and its Celery application."""

import logging
import os
from collections.abc import Callable
from typing import Any

from billiard.util import get_logger
from celery import Celery, Task, signals
from pico_ioc import PicoContainer, factory

from myapp.boot import create_container
from myapp.platform.broker.options import celery_options, is_file
from myapp.platform.broker.settings import CelerySection, WorkerSettings
from myapp.platform.pico.replacing import replaces
from myapp.reports.settings import ReportsSettings

from .transport import PolledTransport

PATIENCE = 15.0
"""Seconds that the broker may take for one step."""


class ReportsCelery(Celery):  # type: ignore[misc] # Celery has no types
    """Finds itself again in the processes of its pool, each of which is a new interpreter (``spawn``): the relay's
    thread and SQLite's locks would not survive a fork."""

    def __reduce__(self) -> tuple[Callable[[], Celery], tuple[()]]:
        return celery_of_pool_process, ()


def create_worker() -> PicoContainer:
    """The whole application with its tasks. Raises StartupError."""
    return create_container(modules=["pico_celery", "worker"])


def celery_of_pool_process() -> Celery:
    """pico-celery 0.2.4 runs each task in an event loop of its own: a connection must not outlive its transaction."""
    os.environ |= {"ENGINE__NULL_POOL": "true", "ENGINE__MIGRATE_ON_START": "false"}
    return create_worker().get(Celery)


@factory
class CeleryFactory:
    """pico-celery 0.2.4 has settings for three of Celery's options and no way to give it the others."""

    @replaces(Celery)
    def create_celery(self, section: CelerySection, worker: WorkerSettings, reports: ReportsSettings) -> Celery:
        class ReportTask(Task):  # type: ignore[misc]
            # Before the sweep, which sees to a retry that was lost, after `reports.retry_pause`.
            retry_backoff = max(1, int(reports.retry_pause / 2))

        celery = ReportsCelery("products-api", backend=section.backend_url or None, task_cls=ReportTask)
        celery.conf.update(
            celery_options(section, worker, PATIENCE),
            task_track_started=section.task_track_started,
            task_time_limit=worker.time_limit,
            worker_concurrency=worker.concurrency,
            worker_prefetch_multiplier=1,  # a report waits for whoever is free
            worker_pool="prefork",
            worker_pool_start_method="spawn",
            worker_proc_alive_timeout=60.0,  # seconds that a new process may take to import everything
            worker_enable_remote_control=False,
            broker_heartbeat=30,  # seconds; a broker that is silent for two of them counts as gone
            broker_connection_retry_on_startup=True,
            broker_connection_max_retries=None,  # it waits for its broker as long as it takes
        )
        if is_file(section):
            celery.conf.broker_transport = f"{PolledTransport.__module__}:{PolledTransport.__name__}"
        return celery


def keep_logging(**_: Any) -> None:
    """Logging was configured with the container; the pool has a logger of its own kind, whose lines join ours."""
    pool = get_logger()
    pool.propagate = True
    pool.setLevel(logging.WARNING)


signals.setup_logging.connect(keep_logging, weak=False)
