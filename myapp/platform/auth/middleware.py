"""Authentication and authorisation of every request, before its body is read."""

import logging
from collections.abc import Collection
from typing import Any
from urllib.parse import parse_qsl

from fastapi import FastAPI
from pico_client_auth import RoleResolver, SecurityContext, TokenClaims
from pico_client_auth.agent_context import AgentClaims, AgentContext
from pico_client_auth.config import AuthClientSettings
from pico_client_auth.configurer import AuthFastapiConfigurer
from pico_client_auth.decorators import PICO_ALLOW_ANONYMOUS, PICO_REQUIRED_GROUPS, PICO_REQUIRED_ROLES
from pico_client_auth.errors import AuthClientError
from pico_client_auth.scope import PICO_REQUIRED_SCOPES, any_scope_matches
from pico_client_auth.token_validator import TokenValidator
from pydantic import TypeAdapter, ValidationError
from starlette.types import ASGIApp, Receive, Scope, Send

from ..context.claims import remember_claims
from ..errors import InactiveCallerError
from ..pico.replacing import replaces
from ..web.middleware import Layer
from ..web.operations import PARAMETER_PERMISSION
from ..web.problems import forbidden, invalid_token, unauthenticated
from ..web.request_info import request_info
from .authorities import Grants
from .status import CallerStatus

logger = logging.getLogger(__name__)

BOOLEAN = TypeAdapter(bool)
"""Reads a query parameter as the route itself does."""


class AuthMiddleware:
    """Demand a valid token of an active caller, unless the route is marked ``@allow_anonymous``.

    A path without a route needs a token too.
    """

    def __init__(
        self, app: ASGIApp, validator: TokenValidator, resolver: RoleResolver, grants: Grants, status: CallerStatus
    ) -> None:
        self.app = app
        self._validator = validator
        self._resolver = resolver
        self._grants = grants
        self._status = status

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "websocket":
            await send({"type": "websocket.close", "code": 1008})  # refused: the service has no WebSocket route
            return
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        endpoint = request_info(scope).target.endpoint
        if getattr(endpoint, PICO_ALLOW_ANONYMOUS, False):
            require_for_query(endpoint, scope["query_string"], ())
            await self.app(scope, receive, send)
            return
        try:
            await self._authenticate(scope)
            request_info(scope).target.require()
            await self.app(scope, receive, send)
        finally:
            SecurityContext.clear()
            AgentContext.clear()
            remember_claims(None)

    async def _authenticate(self, scope: Scope) -> None:
        info = request_info(scope)
        claims, raw = await authenticate(scope, self._validator, self._status)
        remember_claims(raw)
        authorities = self._grants.expand(await self._resolver.resolve(claims, raw))
        SecurityContext.set(claims, authorities)
        require_any(info.target.endpoint, PICO_REQUIRED_ROLES, authorities)
        require_any(info.target.endpoint, PICO_REQUIRED_GROUPS, claims.groups)
        require_for_query(info.target.endpoint, scope["query_string"], authorities)
        await self._authenticate_agent(scope, info.target.endpoint)

    async def _authenticate_agent(self, scope: Scope, endpoint: Any) -> None:
        """Check the second token, of an agent that acts for the caller. ``@requires_scope`` demands one."""
        token = bearer_token(scope, b"x-agent-authorization")
        required = getattr(endpoint, PICO_REQUIRED_SCOPES, None)
        if token is not None:
            try:
                _, raw = await self._validator.validate(token)
            except AuthClientError as error:
                raise invalid_token(f"Agent token: {error}") from error
            AgentContext.set(AgentClaims.from_claims_dict(raw | {"scopes": strings_in(raw.get("scopes"))}))
        elif required:
            raise invalid_token("This resource needs an agent token in X-Agent-Authorization.")
        if required and not any_scope_matches(AgentContext.get_scopes(), required):
            raise forbidden(sorted(required))


async def authenticate(
    scope: Scope, validator: TokenValidator, status: CallerStatus
) -> tuple[TokenClaims, dict[str, Any]]:
    """Return the typed and the raw claims of the caller's token. Raises a 401 or 403 problem."""
    token = bearer_token(scope, b"authorization")
    if token is None:
        raise unauthenticated()
    try:
        claims, raw = await validator.validate(token)
    except AuthClientError as error:
        raise invalid_token(str(error)) from error
    request_info(scope).subject = claims.sub
    if not await status.is_active(claims.sub):
        raise InactiveCallerError
    return claims, raw


def bearer_token(scope: Scope, header: bytes) -> str | None:
    """Return the token of a ``Bearer`` header, or None without one. The scheme is case-insensitive (RFC 9110 §11.1).

    Raises a 401 problem for two headers: a proxy in front might have checked the other one.
    """
    values = [value for name, value in scope["headers"] if name == header]
    if len(values) > 1:
        raise invalid_token("The request has more than one token.")
    if not values:
        return None
    scheme, _, token = values[0].decode("latin-1").partition(" ")
    return token.strip() if scheme.lower() == "bearer" else None


def require_any(endpoint: Any, marker: str, held: Any) -> None:
    """Raise a 403 problem if ``endpoint`` requires one of several names and none of them is ``held``."""
    required = getattr(endpoint, marker, None)
    if required and required.isdisjoint(held):
        raise forbidden(sorted(required))


def require_for_query(endpoint: Any, query_string: bytes, authorities: Collection[str]) -> None:
    """Raise a 403 problem if a query parameter asks for more than the caller's ``authorities`` allow."""
    parameter, permission = getattr(endpoint, PARAMETER_PERMISSION, ("", ""))
    if permission and query_string and permission not in authorities:
        values = [value for name, value in parse_qsl(query_string.decode("latin-1")) if name == parameter]
        if any(is_true(value) for value in values):
            raise forbidden([permission])


def is_true(text: str) -> bool:
    try:
        return BOOLEAN.validate_python(text)
    except ValidationError:
        return False  # the route refuses it


def strings_in(value: Any) -> list[str]:
    return [item for item in value if isinstance(item, str)] if isinstance(value, list) else []


@replaces(AuthFastapiConfigurer)
class AsgiAuthConfigurer(AuthFastapiConfigurer):
    """Add ``AuthMiddleware`` in the place of the stack's own middleware.

    pico-client-auth 0.7.1 authenticates in a ``BaseHTTPMiddleware`` that costs more than the check itself. It turns
    the 403 of a service into 401, and it accepts the scheme only as ``Bearer``, not in lower case.
    """

    priority = Layer.AUTHENTICATION

    def __init__(
        self,
        settings: AuthClientSettings,
        token_validator: TokenValidator,
        role_resolver: RoleResolver,
        grants: Grants,
        status: CallerStatus,
    ) -> None:
        super().__init__(settings, token_validator, role_resolver)
        self._enabled = settings.enabled
        self._validator = token_validator
        self._resolver = role_resolver
        self._grants = grants
        self._status = status

    def configure_app(self, app: FastAPI) -> None:
        if not self._enabled:
            logger.warning("auth_client.enabled is false: every route is open to everybody")
            return
        app.add_middleware(
            AuthMiddleware,
            validator=self._validator,
            resolver=self._resolver,
            grants=self._grants,
            status=self._status,
        )
