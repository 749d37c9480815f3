"""The worker's main process: Celery has its main thread, the relay another one."""

import asyncio
import threading
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext

from celery import Celery
from pico_ioc import PicoContainer

from myapp.platform.outbox.relay import EventRelay
from myapp.platform.outbox.settings import EventsSettings
from myapp.platform.startup import exit_on_startup_error

from .application import create_worker


def run(concurrency: int | None) -> None:
    """Until SIGTERM or Ctrl-C, after which the reports that are being made are finished. Exits with a status."""
    with exit_on_startup_error():
        container = create_worker()
    options = {"without_gossip": True, "without_mingle": True, "without_heartbeat": True}
    worker = container.get(Celery).Worker(concurrency=concurrency, quiet=True, **options)
    with relaying(container):
        worker.start()
    raise SystemExit(worker.exitcode)


@contextmanager
def relaying(container: PicoContainer) -> Iterator[None]:
    """Deliver events meanwhile, where ``events.relay`` says so; at the end, the container is shut down."""
    relays = container.get(EventsSettings).relay
    ended = threading.Event()

    async def relay() -> None:
        async with container.get(EventRelay).running() if relays else nullcontext():
            await asyncio.to_thread(ended.wait)
        await container.ashutdown()  # in the event loop to which its connections belong

    thread = threading.Thread(target=lambda: asyncio.run(relay()), name="event relay")
    thread.start()
    try:
        yield
    finally:
        ended.set()
        thread.join()
