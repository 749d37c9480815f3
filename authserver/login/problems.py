"""The problem document of a failed login: it has a challenge."""

from fastapi import FastAPI, Request, Response
from pico_fastapi import FastApiConfigurer
from pico_ioc import component

from myapp.platform.web.problems import REALM, HttpProblem, ProblemType, answer

from .errors import InvalidCredentialsError

CHALLENGE = f'Password realm="{REALM}"'
"""RFC 9110 §15.5.2 requires a challenge in every 401. No registered scheme is a password in JSON: on ``Basic`` a
browser would show its own dialog, and the client asks here for the token that ``Bearer`` needs."""


@component
class LoginProblemConfigurer(FastApiConfigurer):
    def configure_app(self, app: FastAPI) -> None:
        app.add_exception_handler(InvalidCredentialsError, challenge)


async def challenge(request: Request, error: Exception) -> Response:
    kind = ProblemType.of(InvalidCredentialsError)
    return await answer(request, HttpProblem(kind, str(error), {"WWW-Authenticate": CHALLENGE}))
