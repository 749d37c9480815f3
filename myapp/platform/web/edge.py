"""Trusted proxies and CORS, which come before authentication."""

from fastapi import FastAPI
from pico_fastapi import FastApiConfigurer
from pico_ioc import component
from starlette.datastructures import Headers
from starlette.middleware.cors import CORSMiddleware
from starlette.responses import Response
from uvicorn.middleware.proxy_headers import ProxyHeadersMiddleware

from .middleware import Layer
from .settings import WebSettings

METHODS = ["GET", "POST", "PUT", "PATCH", "DELETE"]
REQUEST_HEADERS = [
    "Authorization",
    "Content-Type",
    "Idempotency-Key",
    "If-Match",
    "If-None-Match",
    "Last-Event-ID",
    "X-Agent-Authorization",
    "X-Request-ID",
    "X-Requested-With",
    "baggage",
    "traceparent",
    "tracestate",
]
"""Swagger UI sends ``X-Requested-With`` when it requests a token. The last three are of tracing (W3C)."""
RESPONSE_HEADERS = [
    "Content-Disposition",
    "ETag",
    "Idempotent-Replayed",
    "Link",
    "Location",
    "Retry-After",
    "WWW-Authenticate",
    "X-Request-ID",
]


@component
class ProxyConfigurer(FastApiConfigurer):
    priority = Layer.PROXIES

    def __init__(self, settings: WebSettings) -> None:
        self._trusted = settings.trusted_proxies

    def configure_app(self, app: FastAPI) -> None:
        if self._trusted:
            app.add_middleware(ProxyHeadersMiddleware, trusted_hosts=self._trusted)


class QuietCors(CORSMiddleware):
    """Answer every preflight request with 204 and no content.

    Starlette 1.10 refuses one in plain text. For a browser, the missing CORS headers are refusal enough.
    """

    def preflight_response(self, request_headers: Headers) -> Response:
        answer = super().preflight_response(request_headers)
        kept = {name: value for name, value in answer.headers.items() if not name.startswith("content-")}
        return Response(status_code=204, headers=kept)


@component
class CorsConfigurer(FastApiConfigurer):
    priority = Layer.CORS

    def __init__(self, settings: WebSettings) -> None:
        self._origins = settings.cors_origins
        self._headers = [*REQUEST_HEADERS, *settings.cors_headers]

    def configure_app(self, app: FastAPI) -> None:
        if self._origins:
            app.add_middleware(
                QuietCors,
                allow_origins=self._origins,
                allow_methods=METHODS,
                allow_headers=self._headers,
                expose_headers=RESPONSE_HEADERS,
            )
