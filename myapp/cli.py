"""The command ``products-api``. Imports stand inside the commands: the container's scan imports this module too."""

from typing import Annotated, Literal

import typer

cli = typer.Typer(no_args_is_help=True, add_completion=False, pretty_exceptions_enable=False)

Host = Annotated[str, typer.Option(help="Address to listen on.")]
Port = Annotated[int, typer.Option(min=1, max=65535)]


@cli.command()
def demo(host: Host = "127.0.0.1", port: Port = 8000, auth_port: Port = 8100) -> None:
    """Run auth server, API and worker with sample products and demo users; Ctrl-C stops all."""
    from .demo import run

    run(host, port, auth_port)


@cli.command()
def serve(
    host: Host = "127.0.0.1",
    port: Port = 8000,
    workers: Annotated[int, typer.Option(min=1, help="Processes; each has its own pool of connections.")] = 1,
) -> None:
    """Run the API. Everything that can be wrong at start is found before the workers are forked."""
    import asyncio
    from typing import Any

    import uvicorn
    from fastapi import FastAPI

    from .boot import ROOT, create_container
    from .platform.startup import exit_on_startup_error
    from .platform.web.protocol import BoundedHttpToolsProtocol

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


@cli.command()
def worker(
    concurrency: Annotated[
        int | None, typer.Option(min=1, max=64, help="Reports at a time; worker.concurrency if not given.")
    ] = None,
) -> None:
    """Make large reports, and deliver events meanwhile; SIGTERM lets it finish the reports that it has begun."""
    from worker.process import run

    run(concurrency)


@cli.command()
def relay() -> None:
    """Deliver events and nothing else; SIGTERM lets it finish what it is delivering."""
    from .operate import relay, with_application

    with_application(relay)


@cli.command()
def migrate() -> None:
    """Bring the database's schema up to date; several at once wait for each other."""
    from pico_sqlalchemy.config import DatabaseSettings

    from .boot import settings_of
    from .platform.database.engine import EngineSettings
    from .platform.database.migrations import LockedMigrator
    from .platform.startup import exit_on_startup_error

    with exit_on_startup_error():
        LockedMigrator(settings_of(DatabaseSettings), settings_of(EngineSettings)).migrate()


@cli.command()
def token(username: str) -> None:
    """Print a bearer token of USERNAME; the password is asked for, or read from a pipe."""
    import sys

    from pico_client_auth.config import AuthClientSettings

    from .boot import settings_of
    from .demo import login
    from .platform.startup import exit_on_startup_error

    piped = sys.stdin.readline().rstrip("\n") if not sys.stdin.isatty() else None
    with exit_on_startup_error():
        issuer = settings_of(AuthClientSettings).issuer
        print(login(issuer, username, piped or typer.prompt("Password", hide_input=True)))


events = typer.Typer(no_args_is_help=True, help="Look after events that could not be delivered.")
cli.add_typer(events, name="events")

State = Literal["pending", "delivered", "dead"]
Handler = Annotated[str | None, typer.Option(help="Only this handler's.")]


@events.command("list")
def list_events(state: State = "dead", handler: Handler = None) -> None:
    """Print the newest deliveries: event, type, aggregate, handler, attempts, error."""
    from .operate import show, with_application

    with_application(lambda container: show(container, state, handler))


@events.command("redeliver")
def redeliver_events(
    event_id: Annotated[int | None, typer.Argument(min=1, max=2**63 - 1)] = None,
    every: Annotated[bool, typer.Option("--all", help="Every event that was given up.")] = False,
    handler: Handler = None,
) -> None:
    """Try again what was given up; it may come after later events of the same thing."""
    from .operate import redeliver, with_application

    if every == (event_id is not None):
        raise typer.BadParameter("either EVENT_ID or --all")
    with_application(lambda container: redeliver(container, event_id, handler))


def main() -> None:
    cli()


if __name__ == "__main__":
    main()
