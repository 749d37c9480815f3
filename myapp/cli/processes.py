"""Commands that run one process of the service, or migrate its database."""

import asyncio
from typing import Annotated, Any

import typer

Host = Annotated[str, typer.Option(help="Address to listen on.")]
Port = Annotated[int, typer.Option(min=1, max=65535)]


def serve(
    host: Host = "127.0.0.1",
    port: Port = 8000,
    workers: Annotated[int, typer.Option(min=1, help="Number of processes; each has its own connection pool.")] = 1,
) -> None:
    """Run the API. A failure at start is reported before any worker process is forked."""
    import uvicorn
    from fastapi import FastAPI

    from ..boot import ROOT, create_container
    from ..platform.startup import exit_on_startup_error
    from ..platform.web.protocol import BoundedHttpToolsProtocol

    options: dict[str, Any] = {
        "host": host,
        "port": port,
        "http": BoundedHttpToolsProtocol,
        "log_config": None,  # the application has configured logging
        "proxy_headers": False,  # web.trusted_proxies decides
        "server_header": False,
        "timeout_graceful_shutdown": 30,
    }
    with exit_on_startup_error():
        container = create_container()
    if workers == 1:
        uvicorn.run(container.get(FastAPI), **options)
    else:
        asyncio.run(container.ashutdown())
        uvicorn.run("main:app", app_dir=str(ROOT), workers=workers, **options)


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
    from .application import with_application

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
