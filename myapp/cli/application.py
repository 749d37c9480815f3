"""Run the work of a command inside the application."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import TypeVar

from pico_ioc import PicoContainer

from ..boot import create_container
from ..platform.errors import DomainError, StartupError
from ..platform.startup import exit_on_startup_error

T = TypeVar("T")


def with_application(work: Callable[[PicoContainer], Awaitable[T]]) -> T:
    """Run ``work`` and return its result. If it fails with a known error, end the process with one line."""

    async def run(container: PicoContainer) -> T:
        try:
            return await work(container)
        except DomainError as error:
            raise StartupError(str(error)) from error
        finally:
            await container.ashutdown()

    with exit_on_startup_error():
        return asyncio.run(run(create_container()))
