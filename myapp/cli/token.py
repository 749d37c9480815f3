"""Log in at the auth server from a terminal."""

import sys
from typing import Annotated

import typer

Issuer = Annotated[
    str | None, typer.Option(help="The auth server's address.", show_default="auth_client.issuer of application.yaml")
]


def token(username: str, issuer: Issuer = None) -> None:
    """Print a bearer token of USERNAME. The password is asked for, or read from a pipe."""
    from pico_client_auth.config import AuthClientSettings

    from ..boot import settings_of
    from ..platform.auth.discovery import require_secure
    from ..platform.auth.settings import AuthSettings
    from ..platform.startup import exit_on_startup_error

    piped = sys.stdin.readline().rstrip("\n") if not sys.stdin.isatty() else None
    with exit_on_startup_error():
        address = issuer or settings_of(AuthClientSettings).issuer
        setting = "--issuer" if issuer else "auth_client.issuer"
        require_secure(address, setting, settings_of(AuthSettings).insecure_hosts, is_base=True)
        print(login(address.rstrip("/"), username, piped or typer.prompt("Password", hide_input=True)))


def login(issuer: str, username: str, password: str) -> str:
    """Return a bearer token. Raises StartupError when the auth server refuses or does not answer."""
    import httpx

    from ..platform.auth.discovery import NO_PROXY_FOR_HTTP
    from ..platform.errors import StartupError

    try:
        with httpx.Client(timeout=5, mounts=NO_PROXY_FOR_HTTP, follow_redirects=False) as client:
            answer = client.post(f"{issuer}/login", json={"username": username, "password": password})
    except (httpx.HTTPError, httpx.InvalidURL, ImportError, ValueError) as error:  # some of them by a proxy's address
        raise StartupError(f"the auth server at {issuer} does not answer ({type(error).__name__})") from error
    try:
        content = answer.json()
        if answer.is_success:
            return str(content["access_token"])
        title = content["title"]
    except (KeyError, TypeError, ValueError) as error:
        raise StartupError(f"{issuer} has no /login; is it the bundled auth server?") from error
    raise StartupError(f"the auth server refused the login: {title}")
