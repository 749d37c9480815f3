"""Creates the auth server from its configuration, for the commands and for an ASGI server."""

import os
import re
from collections.abc import Sequence
from pathlib import Path

from fastapi import FastAPI
from pico_client_auth.config import AuthClientSettings
from pico_fastapi import FastApiSettings
from pico_ioc import PicoContainer, configuration
from pico_sqlalchemy.config import DatabaseSettings
from pico_sqlalchemy.migrations import AlembicMigrator

from myapp.platform.config import SettingsSource, SettingsT
from myapp.platform.database.engine import EngineSettings
from myapp.platform.database.migrations import warn_if_ahead
from myapp.platform.errors import StartupError
from myapp.platform.pico.container import WEB_STACK, make_container
from myapp.platform.startup import exit_on_startup_error, startup_error
from myapp.platform.web.app import complete
from myapp.platform.web.settings import WebSettings

from .issuer.settings import IssuerSettings
from .keys.settings import KeySettings
from .login.settings import LoginSettings
from .users.settings import PasswordSettings

PROGRAM = "authserver"
ENV_PREFIX = "AUTHSERVER__"

FOLDER = Path(__file__).resolve().parent
"""The folder of application.yaml and migrations/."""

DESCRIPTION = "Exchange a user name and a password for an access token of the Products API."

GROUPS = [
    {"name": "Login", "description": "Get an access token."},
    {"name": "Issuer", "description": "Find the endpoints and the public keys of this issuer."},
]

SECTIONS: dict[str, type] = {
    "issuer": IssuerSettings,
    "keys": KeySettings,
    "passwords": PasswordSettings,
    "login": LoginSettings,
    "database": DatabaseSettings,
    "engine": EngineSettings,
    "fastapi": FastApiSettings,
    "auth_client": AuthClientSettings,
    "web": WebSettings,
}

VARIABLE = re.compile(rf"\((?!{ENV_PREFIX})(?=[A-Z_]+__[A-Z])")


def create_app() -> FastAPI:
    """Create the app for an ASGI server: ``uvicorn authserver.boot:create_app --factory --no-proxy-headers``."""
    with exit_on_startup_error(PROGRAM):
        app: FastAPI = create_container().get(FastAPI)
    return app


def create_container() -> PicoContainer:
    """Create the whole auth server from its application.yaml and the environment.

    The caller must end it with ``await container.ashutdown()``; an ASGI server does this by itself. Raises
    StartupError with a message of one line that names the wrong setting.
    """
    container = start([*WEB_STACK, "authserver", "myapp.platform.database", "myapp.platform.web"])
    app = container.get(FastAPI)
    app.description, app.openapi_tags = DESCRIPTION, GROUPS
    complete(app, container)
    warn_if_ahead(container.get(AlembicMigrator))
    return container


def create_users_container() -> PicoContainer:
    """Create a container for the commands of users, without web framework and keys. Raises StartupError."""
    return start(["pico_sqlalchemy", "pico_pydantic", "myapp.platform.database", "authserver.users"])


def start(modules: Sequence[str]) -> PicoContainer:
    try:
        return make_container(modules, configuration(source()))
    except Exception as error:
        raise with_env_prefix(startup_error(error)) from error


def source() -> SettingsSource:
    path = Path(os.environ.get("AUTHSERVER_CONFIG") or FOLDER / "application.yaml")
    return SettingsSource(path, SECTIONS, ENV_PREFIX)


def settings_of(section: type[SettingsT]) -> SettingsT:
    """Return the settings of one section without a container. Raises StartupError."""
    return source().settings(section)


def with_env_prefix(error: Exception) -> Exception:
    """Add the prefix to the variable in a startup error: the platform names it ``(DATABASE__URL)``."""
    if not isinstance(error, StartupError):
        return error
    return StartupError(VARIABLE.sub(f"({ENV_PREFIX}", str(error)))
