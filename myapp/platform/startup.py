"""Starting and stopping, as every application of this project does it: one line for an expected failure."""

import gc
import os
import sys
from collections.abc import AsyncIterator, Callable, Iterator, Mapping, Sequence
from contextlib import AbstractAsyncContextManager, asynccontextmanager, contextmanager, nullcontext
from typing import Any, NoReturn

import pico_boot
from fastapi import FastAPI
from pico_client_auth.errors import AuthConfigurationError
from pico_ioc import ContextConfig, PicoContainer
from pico_ioc.exceptions import ConfigurationError
from uvicorn.config import STARTUP_FAILURE

from .errors import StartupError
from .pico.private_names import check_private_names
from .web.route_table import leaves, put_in_order

EXPECTED_FAILURES = (StartupError, ConfigurationError, AuthConfigurationError)


WEB_STACK = ["pico_fastapi", "pico_sqlalchemy", "pico_pydantic", "pico_client_auth"]


def init(modules: Sequence[str], config: ContextConfig, overrides: Mapping[type, Any] | None = None) -> PicoContainer:
    """pico_boot.init without its discovery of plugins.

    pico-boot 0.2.1 loads every pico package that is installed into every process: pico-celery comes with all of Celery,
    which only the worker needs.
    """
    os.environ["PICO_BOOT_AUTO_PLUGINS"] = "false"
    container: PicoContainer = pico_boot.init(
        modules=list(modules), config=config, overrides=dict(overrides) if overrides else None
    )
    return container


def startup_error(error: BaseException) -> Exception:
    """The expected failure behind ``error``, or ``error`` itself: an unexpected one keeps its traceback."""
    cause: BaseException | None = error
    while cause is not None:
        if isinstance(cause, EXPECTED_FAILURES):
            return StartupError(str(cause))
        cause = cause.__cause__ or cause.__context__  # pico-ioc 2.5.2 raises some `from None`
    assert isinstance(error, Exception)
    return error


@contextmanager
def exit_on_startup_error(program: str = "products-api") -> Iterator[None]:
    """End the process with one line on stderr, and with the status that stops uvicorn's parent of workers too."""
    try:
        yield
    except StartupError as error:
        exit_with(program, str(error))


def exit_with(program: str, message: str) -> NoReturn:
    print(f"{program}: {message}", file=sys.stderr)
    raise SystemExit(STARTUP_FAILURE)


def check_replaced(container: PicoContainer, replaced: Mapping[type, type]) -> None:
    """Raises StartupError where pico-ioc has picked another class than ours for a component of the stack, or where the
    stack is not the one that ours were written for."""
    check_private_names()
    for key, ours in replaced.items():
        if type(container.get(key)) is not ours:
            raise StartupError(f"{key.__name__} is {type(container.get(key)).__name__}, not {ours.__name__}")


def check_root_path(app: FastAPI) -> None:
    """A path that begins with the root path is taken for one whose prefix the proxy has left: no route may do so."""
    root = app.root_path
    if root and (not root.startswith("/") or any(route.path.startswith(f"{root}/") for route in leaves(app.routes))):
        raise StartupError("web.root_path (WEB__ROOT_PATH): must begin with / and not be where a route begins")


def complete(
    app: FastAPI,
    container: PicoContainer,
    background: Callable[[], AbstractAsyncContextManager[Any]] = nullcontext,
    often_asked: Sequence[str] = (),
) -> None:
    """What can only be done when pico-fastapi has registered the controllers.

    ``background`` is entered while the application serves; paths below ``often_asked`` are looked for first.

    pico-fastapi 0.4.4 overwrites a lifespan that was set before; its own runs each ``@cleanup`` twice on shutdown and
    leaves asynchronous ones un-awaited.
    """
    put_in_order(app.router.routes, often_asked)
    check_root_path(app)

    @asynccontextmanager
    async def lifespan(_app: FastAPI) -> AsyncIterator[None]:
        gc.collect()
        gc.freeze()  # what start-up made stays until the end: later collections need not look at it
        async with background():
            yield
        await container.ashutdown()

    app.router.lifespan_context = lifespan
