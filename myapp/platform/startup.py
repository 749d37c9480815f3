"""Report an expected failure of the start in one line."""

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import NoReturn

from pico_client_auth.errors import AuthConfigurationError
from pico_ioc.exceptions import ConfigurationError
from uvicorn.config import STARTUP_FAILURE

from .errors import StartupError

EXPECTED_FAILURES = (StartupError, ConfigurationError, AuthConfigurationError)


def startup_error(error: BaseException) -> Exception:
    """Return the expected failure behind ``error`` as a StartupError.

    Return an unexpected ``error`` itself, so that it keeps its traceback.
    """
    cause: BaseException | None = error
    while cause is not None:
        if isinstance(cause, EXPECTED_FAILURES):
            return StartupError(str(cause))
        cause = cause.__cause__ or cause.__context__  # pico-ioc 2.5.2 raises some `from None`
    assert isinstance(error, Exception)
    return error


@contextmanager
def exit_on_startup_error(program: str = "products-api") -> Iterator[None]:
    """End the process on a StartupError, with one line on stderr.

    The exit status makes uvicorn's parent process stop too, instead of starting the worker again.
    """
    try:
        yield
    except StartupError as error:
        exit_with(program, str(error))


def exit_with(program: str, message: str) -> NoReturn:
    print(f"{program}: {message}", file=sys.stderr)
    raise SystemExit(STARTUP_FAILURE)
