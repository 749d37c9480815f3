"""The list of all commands of ``products-api``."""

import typer

from .check import check
from .demo import demo
from .events import events
from .processes import migrate, relay, serve, worker
from .token import token

cli = typer.Typer(no_args_is_help=True, add_completion=False, pretty_exceptions_enable=False)
for command in (demo, serve, worker, relay, migrate, check, token):
    cli.command()(command)
cli.add_typer(events, name="events")


def main() -> None:
    cli()
