"""The scopes of pico-ioc during a request."""

from typing import Any

from pico_fastapi.middleware import PicoScopeMiddleware
from pico_ioc import PicoContainer
from starlette.types import Receive, Scope, Send

REQUEST_SCOPES = {"request", "session", "websocket"}


class ScopesOnDemand(PicoScopeMiddleware):
    """pico-fastapi's middleware, which opens a scope only where a component lives in one.

    pico-fastapi 0.4.4 makes an id, opens a scope and cleans it up for each request: 5 µs, a fifth of a health check.
    """

    def __init__(self, app: Any, container: PicoContainer) -> None:
        super().__init__(app, container)
        metadata: list[Any] = [container.metadata_for(key) for key in container.keys()]  # noqa: SIM118 - not a mapping
        self._are_needed = any(each and each.scope in REQUEST_SCOPES for each in metadata)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if self._are_needed:
            await super().__call__(scope, receive, send)
            return
        token = self.container.activate()
        try:
            await self.app(scope, receive, send)
        finally:
            self.container.deactivate(token)
