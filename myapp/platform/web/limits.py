"""The maximum size of a request body."""

from fastapi import FastAPI
from pico_fastapi import FastApiConfigurer
from pico_ioc import component
from starlette.datastructures import Headers
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from .middleware import Layer
from .problems import BODY_TOO_LARGE, HttpProblem
from .settings import WebSettings


class BodyLimitMiddleware:
    """Refuse a body of more than ``limit`` bytes. A body with a ``Content-Length`` is refused before it is read.

    Starlette 1.10's own limit always answers in plain text, even if there is an exception handler.
    """

    def __init__(self, app: ASGIApp, limit: int) -> None:
        self.app = app
        self._limit = limit

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http" or scope["method"] in ("GET", "HEAD"):
            await self.app(scope, receive, send)
            return
        length = Headers(scope=scope).get("content-length", "")
        if length.isdecimal():
            if len(length) > 18 or int(length) > self._limit:
                raise self._too_large()
            await self.app(scope, receive, send)
            return
        total = 0

        async def receive_counted() -> Message:
            nonlocal total
            message = await receive()
            total += len(message.get("body", b""))
            if total > self._limit:
                raise self._too_large()
            return message

        await self.app(scope, receive_counted, send)

    def _too_large(self) -> HttpProblem:
        return HttpProblem(BODY_TOO_LARGE, f"The body must not be larger than {self._limit} bytes.")


@component
class BodyLimitConfigurer(FastApiConfigurer):
    priority = Layer.BODY_LIMIT

    def __init__(self, settings: WebSettings) -> None:
        self._limit = settings.max_body_bytes

    def configure_app(self, app: FastAPI) -> None:
        app.add_middleware(BodyLimitMiddleware, limit=self._limit)
