"""The FastAPI application, with a short way from the request to its route."""

from typing import Any

from fastapi import FastAPI
from fastapi.middleware.asyncexitstack import AsyncExitStackMiddleware
from fastapi.telemetry import TelemetryConfig
from pico_fastapi.middleware import PicoScopeMiddleware
from starlette.middleware.exceptions import ExceptionMiddleware
from starlette.types import ASGIApp, Receive, Scope, Send

from .dispatch import application_of, with_known_query
from .idempotency import IdempotentCalls
from .request_info import request_info
from .route_table import RouteTable
from .scopes import ScopesOnDemand

NO_TELEMETRY: TelemetryConfig = {"tracing": False, "metrics": False, "logs": False}
"""If nothing is configured, FastAPI 0.165 would ask OpenTelemetry in each request: a tenth of a health check."""


class ProductsApp(FastAPI):
    """FastAPI that calls the route which the request middleware has found.

    FastAPI 0.165 would search an included router twice, and pass each request through four layers that our own replace:
    they answer unexpected errors, bound the body, and have nothing to close. With telemetry, FastAPI searches the
    routes itself, since its spans are named there.
    """

    has_telemetry = False
    idempotent_calls: IdempotentCalls | None = None
    """What makes writes with an ``Idempotency-Key`` once. Without it, the header is ignored."""

    def add_middleware(self, middleware_class: Any, *args: Any, **kwargs: Any) -> None:
        replaced = ScopesOnDemand if middleware_class is PicoScopeMiddleware else middleware_class
        super().add_middleware(replaced, *args, **kwargs)

    def build_middleware_stack(self) -> ASGIApp:
        handlers = {kind: handler for kind, handler in self.exception_handlers.items() if kind not in (500, Exception)}
        app: ASGIApp = ExceptionMiddleware(self.call_target, handlers, self.debug)
        for middleware in reversed(self.user_middleware):
            app = middleware.cls(app, *middleware.args, **middleware.kwargs)
        return app

    def route_table(self) -> RouteTable:
        if self.has_telemetry:
            searching = AsyncExitStackMiddleware(self.router)
            return RouteTable.of(self.routes, lambda route: with_known_query(route, searching))
        return RouteTable.of(self.routes, application_of)

    async def call_target(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http":
            await request_info(scope).target.require()(scope, receive, send)
        else:
            await self.router(scope, receive, send)
