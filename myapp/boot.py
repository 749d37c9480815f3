"""From configuration to a running container: what main.py, the commands and scripts share."""

import os
import sys
from collections.abc import AsyncIterator, Iterator, Mapping
from contextlib import asynccontextmanager, contextmanager
from pathlib import Path
from typing import Any, NoReturn, TypeVar

import pico_boot
from fastapi import FastAPI
from pico_client_auth.config import AuthClientSettings
from pico_client_auth.configurer import AuthFastapiConfigurer
from pico_client_auth.errors import AuthConfigurationError
from pico_client_auth.jwks_client import JWKSClient
from pico_client_auth.token_validator import TokenValidator
from pico_fastapi import FastApiSettings
from pico_ioc import PicoContainer, configuration
from pico_ioc.exceptions import ConfigurationError
from pico_sqlalchemy import SessionManager
from pico_sqlalchemy.config import DatabaseSettings
from pico_sqlalchemy.migrations import AlembicMigrator
from pico_sqlalchemy.repository_interceptor import RepositoryQueryInterceptor
from uvicorn.config import STARTUP_FAILURE

from .auth.keys import IssuerKeys
from .auth.middleware import AsgiAuthConfigurer
from .auth.settings import AuthSettings
from .auth.tokens import AccessTokenValidator
from .config import SettingsSource
from .database.engine import EngineSettings
from .database.migrations import LockedMigrator
from .database.queries import EntityQueryInterceptor
from .database.sessions import ProductsSessionManager
from .errors import StartupError
from .products.settings import ProductsSettings
from .web.settings import WebSettings

ROOT = Path(__file__).resolve().parent.parent
"""Where application.yaml, main.py and migrations/ stand."""

SECTIONS: dict[str, type] = {
    "database": DatabaseSettings,
    "engine": EngineSettings,
    "fastapi": FastApiSettings,
    "auth_client": AuthClientSettings,
    "auth": AuthSettings,
    "web": WebSettings,
    "products": ProductsSettings,
}

REPLACED: dict[type, type] = {
    SessionManager: ProductsSessionManager,
    RepositoryQueryInterceptor: EntityQueryInterceptor,
    AlembicMigrator: LockedMigrator,
    JWKSClient: IssuerKeys,
    TokenValidator: AccessTokenValidator,
    AuthFastapiConfigurer: AsgiAuthConfigurer,
}
"""Components of the stack that ours stand in for; which one pico-ioc picks is a matter of naming, so it is checked."""

EXPECTED_FAILURES = (StartupError, ConfigurationError, AuthConfigurationError)

SettingsT = TypeVar("SettingsT")


def create_container(overrides: Mapping[type, Any] | None = None) -> PicoContainer:
    """The whole application, configured by application.yaml and the environment; ``overrides`` is for tests.

    Whoever creates it ends it with ``await container.ashutdown()``; an ASGI server does so by itself.
    Raises StartupError, whose message is one line that names the setting at fault.
    """
    try:
        container = pico_boot.init(
            modules=["myapp"], config=configuration(source()), overrides=dict(overrides) if overrides else None
        )
    except Exception as error:
        raise startup_error(error) from error
    for key, ours in REPLACED.items():
        if key not in (overrides or {}) and type(container.get(key)) is not ours:
            raise StartupError(f"{key.__name__} is {type(container.get(key)).__name__}, not {ours.__name__}")
    container.get(FastAPI).router.lifespan_context = lifespan_of(container)
    return container


def source() -> SettingsSource:
    return SettingsSource(Path(os.environ.get("PRODUCTS_API_CONFIG", ROOT / "application.yaml")), SECTIONS)


def settings_of(section: type[SettingsT]) -> SettingsT:
    """One section's settings, without a container. Raises StartupError."""
    name = next(name for name, known in SECTIONS.items() if known is section)
    try:
        return section(**source().get_tree().get(name, {}))
    except ConfigurationError as error:
        raise startup_error(error) from error


def lifespan_of(container: PicoContainer) -> Any:
    """pico-fastapi 0.4.4 runs each ``@cleanup`` twice on shutdown and leaves asynchronous ones un-awaited."""

    @asynccontextmanager
    async def lifespan(_app: FastAPI) -> AsyncIterator[None]:
        yield
        await container.ashutdown()

    return lifespan


def startup_error(error: BaseException) -> Exception:
    """The expected failure behind ``error``, or ``error`` itself: an unexpected one keeps its traceback."""
    cause: BaseException | None = error
    while cause is not None:
        if isinstance(cause, EXPECTED_FAILURES):
            return StartupError(str(cause))
        cause = cause.__cause__
    assert isinstance(error, Exception)
    return error


@contextmanager
def exit_on_startup_error() -> Iterator[None]:
    """End the process with one line on stderr, and with the status that stops uvicorn's parent of workers too."""
    try:
        yield
    except StartupError as error:
        exit_with(str(error))


def exit_with(message: str) -> NoReturn:
    print(f"products-api: {message}", file=sys.stderr)
    raise SystemExit(STARTUP_FAILURE)
