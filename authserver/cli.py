"""The command ``authserver``. Imports are inside the commands, because the container's scan imports this module too."""

import asyncio
import os
from typing import Annotated, Any

import typer

from .keys.commands import keys
from .users.commands import users

cli = typer.Typer(no_args_is_help=True, add_completion=False, pretty_exceptions_enable=False)
cli.add_typer(users, name="users")
cli.add_typer(keys, name="keys")


@cli.callback()
def restrict_umask() -> None:
    """Manage users, keys and tokens of the Products API."""
    os.umask(0o077)  # the database holds password hashes: only the owner may read new files


@cli.command()
def serve(
    host: Annotated[str, typer.Option(help="Address to listen on.")] = "127.0.0.1",
    port: Annotated[int, typer.Option(min=1, max=65535)] = 8100,
    workers: Annotated[int, typer.Option(min=1, help="Number of processes; they share database and keys.")] = 1,
) -> None:
    """Run the auth server. All errors at start are found before the worker processes are started."""
    import uvicorn
    from fastapi import FastAPI

    from myapp.platform.startup import exit_on_startup_error
    from myapp.platform.web.protocol import BoundedHttpToolsProtocol

    from .boot import FOLDER, PROGRAM, create_container

    options: dict[str, Any] = {
        "host": host,
        "port": port,
        "http": BoundedHttpToolsProtocol,
        "log_config": None,  # the application configures logging itself
        "proxy_headers": False,  # web.trusted_proxies decides which proxies are trusted
        "server_header": False,
        "timeout_graceful_shutdown": 10,
    }
    with exit_on_startup_error(PROGRAM):
        container = create_container()
    if workers == 1:
        uvicorn.run(container.get(FastAPI), **options)
    else:
        asyncio.run(container.ashutdown())
        application = "authserver.boot:create_app"
        uvicorn.run(application, factory=True, app_dir=str(FOLDER.parent), workers=workers, **options)


@cli.command()
def migrate() -> None:
    """Migrate the database to the current schema. Concurrent runs wait for each other."""
    from pico_sqlalchemy.config import DatabaseSettings

    from myapp.platform.database.engine import EngineSettings
    from myapp.platform.database.migrations import LockedMigrator
    from myapp.platform.database.revisions import SchemaState
    from myapp.platform.errors import StartupError
    from myapp.platform.startup import exit_on_startup_error

    from .boot import PROGRAM, settings_of, with_env_prefix

    with exit_on_startup_error(PROGRAM):
        try:
            migrator = LockedMigrator(settings_of(DatabaseSettings), settings_of(EngineSettings))
            if migrator.migrate() is SchemaState.AHEAD:
                print(f"Nothing to do: {migrator.description}.")
        except StartupError as error:
            raise with_env_prefix(error) from error


def main() -> None:
    cli()


if __name__ == "__main__":
    main()
