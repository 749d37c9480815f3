"""The discovery document of the issuer, and its health check."""

from typing import Any

from fastapi.responses import JSONResponse, Response
from pico_client_auth import allow_anonymous
from pico_fastapi import controller

from myapp.platform.web.routing import get

from ..keys.ring import ALGORITHM
from ..login.grant import GRANT_TYPE
from .settings import IssuerSettings

CLAIMS = ["iss", "aud", "sub", "iat", "exp", "jti", "email", "name", "role", "roles"]


@controller(tags=["Issuer"], scope="singleton")
class IssuerController:
    def __init__(self, settings: IssuerSettings) -> None:
        self._document = discovery_document(settings)

    @get("/.well-known/openid-configuration", response_model=dict[str, Any])
    @allow_anonymous
    async def discovery(self) -> Response:
        """Return the discovery document: the endpoints of this issuer and its signature algorithm."""
        return JSONResponse(self._document, headers={"Cache-Control": "public, max-age=300"})

    @get("/health", response_model=dict[str, str])
    @allow_anonymous
    async def health(self) -> Any:
        """Answer if the process runs. Nothing else is checked."""
        return {"status": "ok"}


def discovery_document(settings: IssuerSettings) -> dict[str, Any]:
    """Return the metadata of OpenID Connect Discovery 1.0 §3 and RFC 8414 §2 that apply to this server.

    There is no authorization endpoint, so there are no response types. ``/login`` takes JSON, which is not a grant of
    OAuth 2.0.
    """
    return {
        "issuer": settings.url,
        "jwks_uri": settings.url_of("/jwks.json"),
        "token_endpoint": settings.url_of("/token"),
        "token_endpoint_auth_methods_supported": ["none"],
        "response_types_supported": [],
        "grant_types_supported": [GRANT_TYPE],
        "subject_types_supported": ["public"],
        "id_token_signing_alg_values_supported": [ALGORITHM],
        "claims_supported": CLAIMS,
    }
