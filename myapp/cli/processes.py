"""Commands that run one process of the service, or migrate its database."""

from typing import Annotated

import typer

from ..platform.web.server_options import Host, KeepAlive, Port, ServerOptions, Workers, WorkerTimeout


def serve(
    host: Host = "127.0.0.1",
    port: Port = 8000,
    workers: Workers = 1,
    keep_alive: KeepAlive = None,
    worker_timeout: WorkerTimeout = None,
) -> None:
    """Run the API. A failure at start is reported before any worker process is started."""
    from ..boot import create_container
    from ..platform.startup import exit_on_startup_error
    from ..platform.web.server import serve as serve_application

    with exit_on_startup_error():
        options = ServerOptions(host, port, workers, keep_alive, worker_timeout)
        serve_application(create_container, "myapp.boot:create_app", options)


def worker(
    concurrency: Annotated[
        int | None, typer.Option(min=1, max=64, help="Number of reports at a time; the default is worker.concurrency.")
    ] = None,
) -> None:
    """Make large reports and deliver events. On SIGTERM the worker finishes the reports that it has begun."""
    from worker.process import run

    run(concurrency)


def relay() -> None:
    """Deliver events and nothing else. On SIGTERM the relay finishes the deliveries that it has begun."""
    from ..platform.outbox.relay import EventRelay
    from ..platform.signals import stop_on_hangup
    from .application import with_application

    stop_on_hangup()
    with_application(lambda container: container.get(EventRelay).run_until_signal())


def migrate() -> None:
    """Upgrade the database schema. Concurrent runs wait for each other."""
    from pico_sqlalchemy.config import DatabaseSettings

    from ..boot import settings_of
    from ..platform.database.engine import EngineSettings
    from ..platform.database.migrations import LockedMigrator
    from ..platform.database.revisions import SchemaState
    from ..platform.startup import exit_on_startup_error

    with exit_on_startup_error():
        migrator = LockedMigrator(settings_of(DatabaseSettings), settings_of(EngineSettings))
        if migrator.migrate() is SchemaState.AHEAD:
            print(f"Nothing to do: {migrator.description}.")
