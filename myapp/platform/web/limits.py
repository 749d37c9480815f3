"""What no request body may be: larger than a limit, or compressed."""

from fastapi import FastAPI
from pico_fastapi import FastApiConfigurer
from pico_ioc import component
from starlette.datastructures import Headers
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from .middleware import Layer
from .operations import TAKES_BODY, TAKES_LARGE_BODY
from .problems import BODY_TOO_LARGE, UNSUPPORTED_ENCODING, HttpProblem
from .request_info import request_info
from .settings import WebSettings

PLAIN = {"", "identity", "utf-8"}
"""Codings of a body that is not encoded. Some clients write the charset here, and were always understood."""


class BodyLimitMiddleware:
    """Refuse a body of more than ``limit`` bytes, or ``large`` bytes for a route that takes large bodies.

    A body with a ``Content-Length`` is refused before it is read.

    Refuse an encoded body too, if the route takes one (RFC 9110 §12.5.3).

    Starlette 1.10's own limit always answers in plain text, even if there is an exception handler.
    """

    def __init__(self, app: ASGIApp, limit: int, large: int) -> None:
        self.app = app
        self._limit = limit
        self._large = large

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http" or scope["method"] in ("GET", "HEAD"):
            await self.app(scope, receive, send)
            return
        headers = Headers(scope=scope)
        is_large = getattr(request_info(scope).target.endpoint, TAKES_LARGE_BODY, False)
        limit = self._large if is_large else self._limit
        length = headers.get("content-length", "")
        if length.isdecimal():
            if len(length) > 18 or int(length) > limit:
                raise too_large(limit)
            if int(length):
                refuse_encoded(scope, headers)
            await self.app(scope, receive, send)
            return
        refuse_encoded(scope, headers)
        total = 0

        async def receive_counted() -> Message:
            nonlocal total
            message = await receive()
            total += len(message.get("body", b""))
            if total > limit:
                raise too_large(limit)
            return message

        await self.app(scope, receive_counted, send)


def too_large(limit: int) -> HttpProblem:
    return HttpProblem(BODY_TOO_LARGE, f"The body must not be larger than {limit} bytes.")


def refuse_encoded(scope: Scope, headers: Headers) -> None:
    if "content-encoding" not in headers or not getattr(request_info(scope).target.endpoint, TAKES_BODY, False):
        return
    codings = {coding.strip().lower() for value in headers.getlist("content-encoding") for coding in value.split(",")}
    if not codings <= PLAIN:
        detail = "The request body must not be encoded."
        raise HttpProblem(UNSUPPORTED_ENCODING, detail, {"Accept-Encoding": "identity"})


@component
class BodyLimitConfigurer(FastApiConfigurer):
    priority = Layer.BODY_LIMIT

    def __init__(self, settings: WebSettings) -> None:
        self._limit = settings.max_body_bytes
        self._large = max(settings.max_bulk_body_bytes, settings.max_body_bytes)

    def configure_app(self, app: FastAPI) -> None:
        app.add_middleware(BodyLimitMiddleware, limit=self._limit, large=self._large)
