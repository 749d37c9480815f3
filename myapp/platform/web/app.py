"""The FastAPI application itself, and what stands before everything else: proxies and CORS."""

from fastapi import FastAPI
from pico_fastapi import FastApiConfigurer, FastApiSettings
from pico_ioc import component, factory, provides
from starlette.datastructures import Headers
from starlette.middleware.cors import CORSMiddleware
from starlette.responses import Response
from uvicorn.middleware.proxy_headers import ProxyHeadersMiddleware

from .settings import WebSettings

METHODS = ["GET", "POST", "PUT", "PATCH", "DELETE"]
REQUEST_HEADERS = ["Authorization", "Content-Type", "If-Match", "If-None-Match", "X-Request-ID"]
RESPONSE_HEADERS = [
    "Content-Disposition",
    "ETag",
    "Link",
    "Location",
    "Retry-After",
    "WWW-Authenticate",
    "X-Request-ID",
]


@factory
class AppFactory:
    """pico-fastapi 0.4.4 has settings for four of FastAPI's arguments and no way to give it the others."""

    # The longest name wins among several providers of one type (pico-ioc 2.5.2).
    @provides(FastAPI, name="myapp.platform.web:products-fastapi-application", primary=True)
    def products_fastapi_application(self, settings: FastApiSettings, web: WebSettings) -> FastAPI:
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


class QuietCors(CORSMiddleware):
    """Starlette 1.10 refuses a preflight request in plain text; a browser needs no more than the missing headers."""

    def preflight_response(self, request_headers: Headers) -> Response:
        answer = super().preflight_response(request_headers)
        kept = {name: value for name, value in answer.headers.items() if not name.startswith("content-")}
        return Response(status_code=204, headers=kept)


@component
class EdgeConfigurer(FastApiConfigurer):
    """Around authentication: a preflight request has no token, and a 401 needs CORS headers too."""

    priority = -50

    def __init__(self, settings: WebSettings) -> None:
        self._settings = settings

    def configure_app(self, app: FastAPI) -> None:
        if self._settings.cors_origins:
            app.add_middleware(
                QuietCors,
                allow_origins=self._settings.cors_origins,
                allow_methods=METHODS,
                allow_headers=REQUEST_HEADERS,
                expose_headers=RESPONSE_HEADERS,
            )
        if self._settings.trusted_proxies:
            app.add_middleware(ProxyHeadersMiddleware, trusted_hosts=self._settings.trusted_proxies)
