"""The problem documents that only a login has: with a challenge, and with the time to wait."""

from fastapi import FastAPI, Request, Response
from pico_fastapi import FastApiConfigurer
from pico_ioc import component

from myapp.platform.web.problems import REALM, HttpProblem, ProblemType, answer

from .errors import InvalidCredentialsError, LoginLockedError

CHALLENGE = f'Password realm="{REALM}"'
"""RFC 9110 §15.5.2 demands one of every 401. No registered scheme is JSON with a password: for ``Basic`` a browser
would show a dialog of its own, and a ``Bearer`` token is what the client has come for."""


@component
class LoginProblemConfigurer(FastApiConfigurer):
    def configure_app(self, app: FastAPI) -> None:
        app.add_exception_handler(InvalidCredentialsError, challenge)
        app.add_exception_handler(LoginLockedError, come_back_later)


async def challenge(request: Request, error: Exception) -> Response:
    kind = ProblemType.of(InvalidCredentialsError)
    return await answer(request, HttpProblem(kind, str(error), {"WWW-Authenticate": CHALLENGE}))


async def come_back_later(request: Request, error: Exception) -> Response:
    assert isinstance(error, LoginLockedError)
    headers = {"Retry-After": str(error.retry_after)}
    return await answer(request, HttpProblem(ProblemType.of(LoginLockedError), str(error), headers))
