"""``authserver users``. Imports are inside the commands, because the container's scan imports this module too."""

import asyncio
import sys
from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING, Annotated, Any

import typer

if TYPE_CHECKING:
    from .services import UserService

users = typer.Typer(no_args_is_help=True, help="Manage the users that can log in.")

PasswordStdin = Annotated[bool, typer.Option("--password-stdin", help="Read the password from standard input.")]


@users.command()
def add(
    username: str,
    email: Annotated[str, typer.Option()],
    name: Annotated[str, typer.Option(help="The full name.")],
    role: Annotated[list[str], typer.Option(help="May be repeated. The first one becomes the claim `role`.")],
    password_stdin: PasswordStdin = False,
) -> None:
    """Add a user. Prompts for the password."""
    data = {
        "username": username,
        "email": email,
        "name": name,
        "roles": role,
        "password": read_password(password_stdin),
    }
    call_service(lambda service: service.create(data))
    print(f"Added {username}.")


@users.command()
def set_roles(username: str, roles: Annotated[list[str], typer.Argument()]) -> None:
    """Replace the roles of a user. Tokens that were issued before keep the old roles."""
    call_service(lambda service: service.set_roles(username, {"roles": roles}))
    print(f"{username} has the roles: {', '.join(roles)}.")


@users.command()
def set_password(username: str, password_stdin: PasswordStdin = False) -> None:
    """Replace the password of a user. Prompts for the new one."""
    data = {"password": read_password(password_stdin)}
    call_service(lambda service: service.set_password(username, data))
    print(f"{username} has a new password.")


@users.command()
def disable(username: str) -> None:
    """Disable the login of a user. The last token stays valid until it expires."""
    call_service(lambda service: service.set_active(username, False))
    print(f"Disabled {username}.")


@users.command()
def enable(username: str) -> None:
    """Enable the login of a disabled user."""
    call_service(lambda service: service.set_active(username, True))
    print(f"Enabled {username}.")


@users.command("list")
def list_users() -> None:
    """List all users: name, state, roles, email, full name."""
    for user in call_service(lambda service: service.list_all()):
        state = "active" if user.active else "disabled"
        print(f"{user.username}\t{state}\t{','.join(user.roles)}\t{user.email}\t{user.name}")


def read_password(from_stdin: bool) -> str:
    """Read the password. It is never an argument: other users can see arguments, and shells store them."""
    if from_stdin:
        return sys.stdin.readline().rstrip("\r\n")
    typed: str = typer.prompt("Password", hide_input=True, confirmation_prompt=True)
    return typed


def call_service(action: Callable[["UserService"], Awaitable[Any]]) -> Any:
    """Run ``action`` and return its result. An expected failure ends the process with one line on stderr."""
    from pico_pydantic import ValidationFailedError

    from myapp.platform.errors import DomainError
    from myapp.platform.startup import exit_on_startup_error

    from ..boot import PROGRAM, create_users_container
    from .services import UserService

    async def work() -> Any:
        try:
            return await action(container.get(UserService))
        finally:
            await container.ashutdown()

    with exit_on_startup_error(PROGRAM):
        container = create_users_container()
    try:
        return asyncio.run(work())
    except DomainError as error:
        reason = str(error)
    except ValidationFailedError as error:
        reason = describe_faults(error.pydantic_error)
    typer.echo(f"{PROGRAM}: {reason}", err=True)
    raise typer.Exit(1)


def describe_faults(error: Exception) -> str:
    """Return the faults on one line, without the values: one of them is the password."""
    from pydantic import ValidationError

    assert isinstance(error, ValidationError)
    faults = error.errors(include_url=False, include_context=False, include_input=False)
    return "; ".join(f"{'.'.join(map(str, fault['loc']))}: {fault['msg']}" for fault in faults)
