"""The FastAPI application: how it is made, and how it starts and ends."""

import gc
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager, nullcontext
from typing import Any

from fastapi import FastAPI
from pico_fastapi import FastApiSettings
from pico_ioc import PicoContainer, factory

from ..errors import StartupError
from ..pico.replacing import replaces
from .route_table import leaves, put_in_order
from .settings import WebSettings


@factory
class AppFactory:
    """pico-fastapi 0.4.4 has settings for four of FastAPI's arguments and no way to give it the others."""

    @replaces(FastAPI)
    def create_app(self, settings: FastApiSettings, web: WebSettings) -> FastAPI:
        app = FastAPI(
            title=settings.title,
            version=settings.version,
            debug=settings.debug,
            telemetry=settings.telemetry,  # type: ignore[arg-type] # pico types it as a plain dict
            docs_url=None,  # docs.py serves them without a CDN
            redoc_url=None,
            openapi_url=None,
            redirect_slashes=False,
        )
        app.root_path = web.root_path.rstrip("/")  # as an argument FastAPI 0.165 deprecates it
        return app


def complete(
    app: FastAPI,
    container: PicoContainer,
    background: Callable[[], AbstractAsyncContextManager[Any]] = nullcontext,
) -> None:
    """Order and check the routes, and set the lifespan, after pico-fastapi has registered the controllers.

    ``background`` is entered while the application serves. Raises StartupError for a root path that cannot work.

    pico-fastapi 0.4.4 overwrites a lifespan that was set before; its own runs each ``@cleanup`` twice on shutdown and
    leaves asynchronous ones un-awaited.
    """
    put_in_order(app.router.routes)
    check_root_path(app)

    @asynccontextmanager
    async def lifespan(_app: FastAPI) -> AsyncIterator[None]:
        gc.collect()
        gc.freeze()  # what start-up made stays until the end: later collections need not look at it
        async with background():
            yield
        await container.ashutdown()

    app.router.lifespan_context = lifespan


def check_root_path(app: FastAPI) -> None:
    """Refuse a root path with which a route begins.

    Such a route would be taken for one whose prefix the proxy has not stripped. Raises StartupError.
    """
    root = app.root_path
    if root and (not root.startswith("/") or any(route.path.startswith(f"{root}/") for route in leaves(app.routes))):
        raise StartupError("web.root_path (WEB__ROOT_PATH): must begin with / and not be where a route begins")
