"""The worker's container and its Celery application."""

import logging
import os
import signal
from collections.abc import Callable
from functools import cached_property
from typing import Any

from billiard.util import get_logger
from celery import Celery, signals
from celery.apps.worker import Worker
from pico_ioc import PicoContainer, factory

from myapp.boot import create_container
from myapp.platform.broker.options import celery_options, is_file
from myapp.platform.broker.settings import CelerySection, WorkerSettings
from myapp.platform.pico.replacing import replaces
from myapp.platform.signals import HANGUP, ignore_hangup

from .consumer import ReportsAMQP, ReportsConsumer
from .transport import PolledTransport

STEP_TIMEOUT = 15.0
"""Seconds that one step of talking to the broker may take."""


class ReportsWorker(Worker):  # type: ignore[misc] # Celery has no types
    """A worker that keeps this process's handler of SIGHUP. Celery 5.7 would start itself again, even under nohup."""

    def install_platform_tweaks(self, worker: Worker) -> None:
        handler = signal.getsignal(HANGUP) if HANGUP else None
        super().install_platform_tweaks(worker)
        if HANGUP:
            signal.signal(HANGUP, handler)


class ReportsCelery(Celery):  # type: ignore[misc] # Celery has no types
    """A Celery application that is created again in each process of the pool, instead of being pickled.

    The processes are new interpreters (``spawn``), because the relay's thread and SQLite's locks do not survive a fork.
    """

    amqp_cls = ReportsAMQP

    @cached_property
    def Worker(self) -> type[ReportsWorker]:
        worker: type[ReportsWorker] = self.subclass_with_self(ReportsWorker)
        return worker

    def __reduce__(self) -> tuple[Callable[[], Celery], tuple[()]]:
        return create_pool_celery, ()


def create_worker() -> PicoContainer:
    """Create the container of the whole application with its tasks. Raises StartupError."""
    return create_container(modules=["pico_celery", "worker"])


def create_pool_celery() -> Celery:
    """Create the Celery application of a process of the pool, without a connection pool.

    pico-celery 0.2.4 runs each task in a new event loop, so a connection must not outlive its transaction.
    """
    os.environ |= {"ENGINE__NULL_POOL": "true", "ENGINE__MIGRATE_ON_START": "false"}
    return create_worker().get(Celery)


@factory
class CeleryFactory:
    """Creates Celery with all options. pico-celery 0.2.4 has settings for only three of them."""

    @replaces(Celery)
    def create_celery(self, section: CelerySection, worker: WorkerSettings) -> Celery:
        celery = ReportsCelery("products-api", backend=section.backend_url or None)
        celery.conf.update(
            celery_options(section, worker, STEP_TIMEOUT),
            task_track_started=section.task_track_started,
            task_time_limit=worker.time_limit,
            worker_concurrency=worker.concurrency,
            worker_prefetch_multiplier=1,  # no prefetching: a waiting report goes to the first free process
            worker_pool="prefork",
            worker_pool_start_method="spawn",
            worker_proc_alive_timeout=60.0,  # seconds; a new process has to import everything
            worker_enable_remote_control=False,
            broker_heartbeat=30,  # seconds; after two silent intervals the connection counts as lost
            broker_connection_retry_on_startup=True,
            broker_connection_max_retries=None,  # wait for the broker without limit
            worker_consumer=path_of(ReportsConsumer),
        )
        if is_file(section):
            celery.conf.broker_transport = path_of(PolledTransport)
        return celery


def path_of(component: type) -> str:
    return f"{component.__module__}:{component.__qualname__}"


def join_our_logging(**_: Any) -> None:
    """Send the lines of the pool's own logger to our handlers, and keep Celery from configuring logging.

    The container has configured it already.
    """
    pool = get_logger()
    pool.propagate = True
    pool.setLevel(logging.WARNING)


def leave_hangup_to_the_worker(**_: Any) -> None:
    """Let a process of the pool finish its report if the terminal is lost."""
    ignore_hangup()


signals.setup_logging.connect(join_our_logging, weak=False)
signals.worker_process_init.connect(leave_hangup_to_the_worker, weak=False)
