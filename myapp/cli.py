"""The command ``products-api``. Imports stand inside the commands: the container's scan imports this module too."""

from typing import Annotated

import typer

cli = typer.Typer(no_args_is_help=True, add_completion=False, pretty_exceptions_enable=False)

Host = Annotated[str, typer.Option(help="Address to listen on.")]
Port = Annotated[int, typer.Option(min=1, max=65535)]


@cli.command()
def demo(host: Host = "127.0.0.1", port: Port = 8000, auth_port: Port = 8100) -> None:
    """Run the auth server and the API with sample products and demo users; Ctrl-C stops both."""
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
    from .startup import exit_on_startup_error
    from .web.protocol import BoundedHttpToolsProtocol

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
def migrate() -> None:
    """Bring the database's schema up to date; several at once wait for each other."""
    from pico_sqlalchemy.config import DatabaseSettings

    from .boot import settings_of
    from .database.engine import EngineSettings
    from .database.migrations import LockedMigrator
    from .startup import exit_on_startup_error

    with exit_on_startup_error():
        LockedMigrator(settings_of(DatabaseSettings), settings_of(EngineSettings)).migrate()


@cli.command()
def token(username: str) -> None:
    """Print a bearer token of USERNAME; the password is asked for, or read from a pipe."""
    import sys

    from pico_client_auth.config import AuthClientSettings

    from .boot import settings_of
    from .demo import login
    from .startup import exit_on_startup_error

    piped = sys.stdin.readline().rstrip("\n") if not sys.stdin.isatty() else None
    with exit_on_startup_error():
        issuer = settings_of(AuthClientSettings).issuer
        print(login(issuer, username, piped or typer.prompt("Password", hide_input=True)))


def main() -> None:
    cli()


if __name__ == "__main__":
    main()
