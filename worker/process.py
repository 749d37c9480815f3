"""The worker's main process: Celery runs in the main thread, the relay in another."""

import asyncio
import threading
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext

from celery import Celery
from pico_ioc import PicoContainer

from myapp.platform.outbox.relay import EventRelay
from myapp.platform.outbox.settings import EventsSettings
from myapp.platform.signals import stop_on_hangup
from myapp.platform.startup import exit_on_startup_error, exit_with

from .application import create_worker


def run(concurrency: int | None) -> None:
    """Run the worker until SIGTERM, SIGHUP or Ctrl-C, then finish the current reports.

    Exit with the worker's status.
    """
    with exit_on_startup_error():
        container = create_worker()
    options = {"without_gossip": True, "without_mingle": True, "without_heartbeat": True}
    worker = container.get(Celery).Worker(concurrency=concurrency, quiet=True, **options)
    stop_on_hangup()
    with relay_in_thread(container):
        worker.start()
    if isinstance(worker.exitcode, str):
        exit_with("products-api", worker.exitcode)
    raise SystemExit(worker.exitcode)


@contextmanager
def relay_in_thread(container: PicoContainer) -> Iterator[None]:
    """Deliver events during the block if ``events.relay`` is set. Shut the container down at the end."""
    relays = container.get(EventsSettings).relay
    ended = threading.Event()

    async def relay() -> None:
        async with container.get(EventRelay).running() if relays else nullcontext():
            await asyncio.to_thread(ended.wait)
        await container.ashutdown()  # in the event loop that owns its connections

    thread = threading.Thread(target=lambda: asyncio.run(relay()), name="event relay")
    thread.start()
    try:
        yield
    finally:
        ended.set()
        thread.join()
