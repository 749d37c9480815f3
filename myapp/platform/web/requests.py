"""Give every request an id, a log line, and an answer even if an inner layer fails."""

import logging
import random
import re
import time

from fastapi import FastAPI
from pico_fastapi import FastApiConfigurer
from pico_ioc import component
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from ..context.request_id import current_request_id, set_request_id
from .application import ProductsApp
from .logging import log_fields
from .middleware import Layer
from .problems import INTERNAL_ERROR, problem_of, render
from .request_info import RequestInfo, request_info
from .route_table import RouteTable
from .settings import WebSettings

logger = logging.getLogger("myapp.requests")

VALID_ID = re.compile(rb"[A-Za-z0-9._~-]{1,128}")


def request_id_of(scope: Scope) -> str:
    """Return the client's ``X-Request-ID`` if it is valid, otherwise a random id."""
    request_id = f"{random.getrandbits(128):032x}"  # unique, not secret
    for name, value in scope["headers"]:
        if name == b"x-request-id" and VALID_ID.fullmatch(value):
            request_id = value.decode()
    return request_id


NO_STORE = (b"cache-control", b"no-store")


class RequestMiddleware:
    """The outermost layer: no request is left without an id, a log line and an answer.

    An answer that does not say who may keep it may not be kept by anybody.
    """

    def __init__(self, app: ASGIApp, fastapi: ProductsApp) -> None:
        self.app = app
        self._fastapi = fastapi
        self._table: RouteTable | None = None

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        if self._table is None:  # controllers are registered after all middleware
            self._table = self._fastapi.route_table()
        started = time.perf_counter()
        method = scope["method"]
        if method == "HEAD":  # handled as GET; the server omits the content (RFC 9110 §9.3.2)
            scope = {**scope, "method": "GET"}
        request_id = request_id_of(scope)
        set_request_id(request_id)
        id_header = (b"x-request-id", request_id.encode())
        scope["products_api"] = info = RequestInfo(self._table.resolve(scope))

        async def send_with_id(message: Message) -> None:
            if message["type"] == "http.response.start":
                info.status = message["status"]
                headers = message.setdefault("headers", [])
                headers.append(id_header)
                for name, _ in headers:
                    if name == b"cache-control":
                        break
                else:
                    headers.append(NO_STORE)
            elif not message.get("more_body"):
                info.completed_at = time.perf_counter()
            await send(message)

        try:
            await self.app(scope, receive, send_with_id)
        except Exception as error:
            await answer_failure(error, scope, receive, send_with_id)
        finally:
            log_request(method, info, (info.completed_at or time.perf_counter()) - started)


class FailureMiddleware:
    """Answer failures inside CORS: without its headers, a script from another origin could not read the answer."""

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        try:
            await self.app(scope, receive, send)
        except Exception as error:
            if scope["type"] != "http":
                raise
            await answer_failure(error, scope, receive, send)


async def answer_failure(error: Exception, scope: Scope, receive: Receive, send: Send) -> None:
    """Answer with the problem of ``error``. Log it if it is unexpected, or if the answer has already begun.

    An answer that has begun stays incomplete, so the server closes the connection.
    """
    problem = problem_of(error)
    has_begun = request_info(scope).status > 0
    if problem.kind is INTERNAL_ERROR or has_begun:
        logger.error("the request failed", exc_info=error)
    if not has_begun:
        await render(problem, scope, current_request_id())(scope, receive, send)


def log_request(method: str, info: RequestInfo, seconds: float) -> None:
    fields = {
        "method": method,
        "route": info.target.template,
        "status": info.status,
        "duration_ms": round(seconds * 1000, 1),
        "subject": info.subject if info.subject.isprintable() else ascii(info.subject),
    }
    log_fields(logger, "%(method)s %(route)s %(status)s %(duration_ms)sms sub=%(subject)s", fields)


@component
class RequestConfigurer(FastApiConfigurer):
    priority = Layer.REQUEST

    def configure_app(self, app: FastAPI) -> None:
        assert isinstance(app, ProductsApp)
        app.add_middleware(RequestMiddleware, fastapi=app)


@component
class FailureConfigurer(FastApiConfigurer):
    priority = Layer.FAILURE

    def __init__(self, settings: WebSettings) -> None:
        self._needed = bool(settings.cors_origins)

    def configure_app(self, app: FastAPI) -> None:
        if self._needed:
            app.add_middleware(FailureMiddleware)
