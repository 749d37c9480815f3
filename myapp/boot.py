"""Create the container from the configuration, for main.py, the commands and scripts."""

import os
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager, nullcontext
from pathlib import Path
from typing import Any

from fastapi import FastAPI
from pico_client_auth.config import AuthClientSettings
from pico_fastapi import FastApiSettings
from pico_ioc import PicoContainer, configuration
from pico_sqlalchemy.config import DatabaseSettings
from pico_sqlalchemy.migrations import AlembicMigrator

from .introduction import DESCRIPTION, GROUPS
from .platform.auth.settings import AuthSettings, DocsSettings
from .platform.broker.settings import CelerySection, WorkerSettings
from .platform.config import SettingsSource, SettingsT
from .platform.database.engine import EngineSettings
from .platform.database.migrations import warn_if_ahead
from .platform.idempotency.settings import IdempotencySettings
from .platform.mail.settings import MailSettings
from .platform.outbox.relay import EventRelay
from .platform.outbox.settings import EventsSettings
from .platform.pico.container import WEB_STACK, make_container
from .platform.startup import exit_on_startup_error, startup_error
from .platform.stopping import Stopping
from .platform.storage.settings import StorageSettings
from .platform.web.app import complete
from .platform.web.settings import CursorSettings, WebSettings
from .products.settings import CatalogueSettings, ProductsSettings
from .reports.settings import ReportsSettings
from .users.settings import UsersSettings
from .webhooks.settings import WebhooksSettings

ROOT = Path(__file__).resolve().parent.parent
"""The folder of application.yaml, main.py and migrations/."""

SECTIONS: dict[str, type] = {
    "database": DatabaseSettings,
    "engine": EngineSettings,
    "fastapi": FastApiSettings,
    "auth_client": AuthClientSettings,
    "auth": AuthSettings,
    "docs": DocsSettings,
    "web": WebSettings,
    "cursors": CursorSettings,
    "events": EventsSettings,
    "idempotency": IdempotencySettings,
    "mail": MailSettings,
    "products": ProductsSettings,
    "catalogue": CatalogueSettings,
    "users": UsersSettings,
    "reports": ReportsSettings,
    "webhooks": WebhooksSettings,
    "storage": StorageSettings,
    "celery": CelerySection,
    "worker": WorkerSettings,
}


def create_app() -> FastAPI:
    """Create the application for an ASGI server. A failure at start ends the process with one line."""
    with exit_on_startup_error():
        app: FastAPI = create_container().get(FastAPI)
    return app


def create_container(overrides: Mapping[type, Any] | None = None, modules: Sequence[str] = ()) -> PicoContainer:
    """Return the whole application, configured by application.yaml and the environment.

    ``overrides`` maps types to instances, for tests. ``modules`` are scanned in addition to the application.

    The caller must end it with ``await container.ashutdown()``; an ASGI server does so by itself.
    Raises StartupError, whose message is one line that names the setting at fault.
    """
    try:
        container = make_container([*WEB_STACK, "myapp", *modules], configuration(settings_source()), overrides)
    except Exception as error:
        raise startup_error(error) from error
    app = container.get(FastAPI)
    app.description, app.openapi_tags = DESCRIPTION, GROUPS
    complete(app, container, lambda: background(container))
    warn_if_ahead(container.get(AlembicMigrator))
    return container


@asynccontextmanager
async def background(container: PicoContainer) -> AsyncIterator[None]:
    """Run what runs beside the requests: the relay, and the notice that requests which wait get at the end."""
    relay = container.get(EventRelay).running if container.get(EventsSettings).relay else nullcontext
    with container.get(Stopping).noticed():
        async with relay():
            yield


def settings_source() -> SettingsSource:
    return SettingsSource(Path(os.environ.get("PRODUCTS_API_CONFIG") or ROOT / "application.yaml"), SECTIONS)


def settings_of(section: type[SettingsT]) -> SettingsT:
    """Return one section's settings, without a container. Raises StartupError."""
    return settings_source().settings(section)
