"""The command ``authserver``. Imports are inside the commands, because the container's scan imports this module too."""

import os

import typer

from myapp.platform.web.server_options import Host, KeepAlive, Port, ServerOptions, Workers, WorkerTimeout

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
    host: Host = "127.0.0.1",
    port: Port = 8100,
    workers: Workers = 1,
    keep_alive: KeepAlive = None,
    worker_timeout: WorkerTimeout = None,
) -> None:
    """Run the auth server. All errors at start are found before the worker processes are started."""
    from myapp.platform.startup import exit_on_startup_error
    from myapp.platform.web.server import serve as serve_application

    from .boot import PROGRAM, create_container

    with exit_on_startup_error(PROGRAM):
        options = ServerOptions(host, port, workers, keep_alive, worker_timeout)
        serve_application(create_container, "authserver.boot:create_app", options)


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
