"""The login of /docs, at the issuer that the API trusts."""

import asyncio
import logging
import re
import time
from typing import Any
from urllib.parse import urlsplit

from pico_client_auth.config import AuthClientSettings
from pico_ioc import component

from ..errors import StartupError
from ..web.docs_login import LOGIN, DocsLogin, SwaggerLogin
from .discovery import LOOPBACK, discover, discovery_url, issuer_client, require_secure
from .settings import AuthSettings, DocsSettings

logger = logging.getLogger(__name__)

BEARER = {
    "type": "http",
    "scheme": "bearer",
    "bearerFormat": "JWT",
    "description": "Paste an access token of the issuer.",
}

ORIGIN = re.compile(r"https?://[\w.\-:\[\]]+", re.ASCII)  # it becomes part of a header


@component
class IssuerLogin(DocsLogin):
    """Choose the login by the issuer's discovery document, which is fetched when a person opens /docs.

    With ``docs.client_id``, people log in on the issuer's own page (authorization code with PKCE). Without it, they
    log in with user name and password if the issuer is like the bundled auth server: it accepts these without a
    client, and it has no login page. Otherwise, and while the issuer does not answer, they can paste a token.
    """

    def __init__(self, settings: AuthClientSettings, auth: AuthSettings, docs: DocsSettings) -> None:
        self._issuer = settings.issuer
        self._audience = settings.audience
        self._ttl = settings.jwks_ttl_seconds
        self._auth = auth
        self._docs = docs
        self._has_discovery = settings.enabled and bool(settings.issuer) and not settings.jwks_endpoint
        if docs.client_id and not self._has_discovery:
            raise StartupError("docs.client_id (DOCS__CLIENT_ID): needs an issuer with a discovery document")
        openid = {
            "type": "openIdConnect",
            "openIdConnectUrl": discovery_url(settings.issuer),
            "description": f"Log in at {settings.issuer}.",
        }
        self.schemes = {LOGIN: openid, "bearer": BEARER} if self._has_discovery else {"bearer": BEARER}
        self._login: SwaggerLogin | None = None
        self._fresh_until = 0.0
        self._lock = asyncio.Lock()

    async def swagger(self, page_host: str | None) -> SwaggerLogin | None:
        async with self._lock:
            if self._has_discovery and time.monotonic() >= self._fresh_until:
                await self._refresh()
            login = self._login
        if login and urlsplit(login.token_origin).hostname in LOOPBACK and page_host not in LOOPBACK:
            return None  # the browser would send the password or the code to its own machine
        return login

    async def _refresh(self) -> None:
        pause, timeout = self._auth.jwks_refresh_pause, self._auth.jwks_timeout
        try:
            async with asyncio.timeout(timeout), issuer_client(timeout) as client:
                self._login = self._login_of(await discover(self._issuer, client))
            pause = self._ttl
        except Exception as error:  # the page works without a login
            logger.warning("cannot find out how to log in at the issuer: %s: %s", type(error).__name__, error)
        finally:
            self._fresh_until = time.monotonic() + pause

    def _login_of(self, issuer: dict[str, Any]) -> SwaggerLogin | None:
        has_login_page = "authorization_endpoint" in issuer
        if self._docs.client_id:
            if not has_login_page:
                raise ValueError("the issuer has no login page; leave docs.client_id empty")
            flow = {
                "authorizationUrl": self._checked(issuer["authorization_endpoint"]),
                "tokenUrl": self._checked(issuer["token_endpoint"]),
                "scopes": dict.fromkeys(self._docs.scopes, ""),
            }
            options = {
                "clientId": self._docs.client_id,
                "scopes": self._docs.scopes,
                "usePkceWithAuthorizationCodeGrant": True,
                # Auth0 gives a token that the API can check only with this parameter; other issuers ignore it.
                "additionalQueryStringParams": {"audience": self._audience},
            }
            return self._swagger_login("authorizationCode", flow, options)
        has_password_grant = "password" in issuer.get("grant_types_supported", ())
        needs_no_client = "none" in issuer.get("token_endpoint_auth_methods_supported", ())
        # Okta announces both as well, but has a login page: its passwords are not for this service.
        if has_password_grant and needs_no_client and not has_login_page:
            flow = {"tokenUrl": self._checked(issuer["token_endpoint"]), "scopes": {}}
            return self._swagger_login("password", flow, {})
        return None

    def _swagger_login(self, name: str, flow: dict[str, Any], options: dict[str, Any]) -> SwaggerLogin:
        scheme = {"type": "oauth2", "description": f"Log in at {self._issuer}.", "flows": {name: flow}}
        parts = urlsplit(flow["tokenUrl"])
        return SwaggerLogin(scheme, options, f"{parts.scheme}://{parts.netloc}")

    def _checked(self, url: Any) -> str:
        """Return an endpoint of the issuer. Raises if a password or a code must not be sent to it."""
        parts = urlsplit(url)
        if not ORIGIN.fullmatch(f"{parts.scheme}://{parts.netloc}"):
            raise ValueError("an endpoint of the issuer is not a URL")
        require_secure(url, "the issuer's endpoint", self._auth.insecure_hosts)
        return str(url)
