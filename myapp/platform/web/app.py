"""Create the FastAPI application, and set how it starts and stops."""

import gc
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager, nullcontext
from typing import Any

from fastapi import FastAPI
from pico_fastapi import FastApiSettings
from pico_ioc import PicoContainer, factory

from ..errors import StartupError
from ..pico.replacing import replaces
from .application import NO_TELEMETRY, ProductsApp
from .route_table import check_inclusions, iter_routes
from .settings import WebSettings


@factory
class AppFactory:
    """Create the FastAPI application: pico-fastapi 0.4.4 can set only four of FastAPI's arguments."""

    @replaces(FastAPI)
    def create_app(self, settings: FastApiSettings, web: WebSettings) -> FastAPI:
        has_telemetry = settings.telemetry != FastApiSettings().telemetry
        app = ProductsApp(
            title=settings.title,
            version=settings.version,
            debug=settings.debug,
            telemetry=settings.telemetry if has_telemetry else NO_TELEMETRY,  # type: ignore[arg-type] # pico: a dict
            docs_url=None,  # docs.py serves them without a CDN
            redoc_url=None,
            openapi_url=None,
            redirect_slashes=False,
        )
        app.has_telemetry = has_telemetry
        app.root_path = web.root_path  # FastAPI 0.165 deprecates it as an argument
        return app


def complete(
    app: FastAPI,
    container: PicoContainer,
    background: Callable[[], AbstractAsyncContextManager[Any]] = nullcontext,
) -> None:
    """Check the routes, and set the lifespan. Call it after pico-fastapi has registered the controllers.

    ``background`` is entered while the application serves. Raises StartupError for a root path that cannot work.

    pico-fastapi 0.4.4 overwrites a lifespan that was set earlier. Its own lifespan runs each ``@cleanup`` twice at
    shutdown and does not await asynchronous ones.
    """
    check_inclusions(app.routes)
    check_root_path(app)

    @asynccontextmanager
    async def lifespan(_app: FastAPI) -> AsyncIterator[None]:
        gc.collect()
        gc.freeze()  # objects made at start live until the end: later collections can skip them
        async with background():
            yield
        await container.ashutdown()

    app.router.lifespan_context = lifespan


def check_root_path(app: FastAPI) -> None:
    """Raise StartupError if a route begins with the root path.

    The path of such a route would look like one whose prefix the proxy has not stripped.
    """
    root = app.root_path
    if root and any(route.path.startswith(f"{root}/") for route in iter_routes(app.routes)):
        raise StartupError("web.root_path (WEB__ROOT_PATH): no route may begin with it")
