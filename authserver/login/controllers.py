"""The login over HTTP: as JSON, and as the password grant of OAuth 2.0."""

from typing import Annotated, Any

from fastapi import Depends, Request
from fastapi.responses import JSONResponse, Response
from pico_client_auth import allow_anonymous
from pico_fastapi import controller

from myapp.platform.errors import DatabaseUnavailableError, DomainError
from myapp.platform.web.operations import problem_entries
from myapp.platform.web.problems import BODY_TOO_LARGE, INTERNAL_ERROR, UNSUPPORTED_ENCODING, VALIDATION_FAILED
from myapp.platform.web.routing import post
from myapp.platform.web.settings import WebSettings

from ..issuer.settings import IssuerSettings
from .errors import InvalidCredentialsError, LoginBusyError, LoginLockedError
from .grant import GRANT_TYPE, MEDIA_TYPE, GrantError, login_request, refusal
from .schemas import LoginRequest, TokenError, TokenResponse
from .services import LoginService


async def client_address(request: Request) -> str:
    """Return the client's address: of the connection, or as a trusted proxy reports it (``web.trusted_proxies``)."""
    return request.client.host if request.client else ""


TOKEN_FORM: dict[str, Any] = {
    "required": True,
    "content": {
        MEDIA_TYPE: {
            "schema": {
                "type": "object",
                "required": ["grant_type", "username", "password"],
                "properties": {
                    "grant_type": {"type": "string", "const": GRANT_TYPE},
                    "username": {"type": "string"},
                    "password": {"type": "string", "format": "password"},
                },
            }
        }
    },
}

TOKEN_ERRORS: dict[int | str, dict[str, Any]] = {
    400: {"model": TokenError, "description": "`invalid_request`, `invalid_grant` or `unsupported_grant_type`"},
    429: {"model": TokenError, "description": "`temporarily_unavailable`: too many failed logins"},
    503: {"model": TokenError, "description": "`temporarily_unavailable`"},
}

TOKEN_PROBLEMS = [BODY_TOO_LARGE, UNSUPPORTED_ENCODING, VALIDATION_FAILED, INTERNAL_ERROR]

ClientAddress = Annotated[str, Depends(client_address)]


@controller(tags=["Login"], scope="singleton")
class LoginController:
    def __init__(self, service: LoginService, issuer: IssuerSettings, web: WebSettings) -> None:
        self._service = service
        self._origins = {issuer.origin, *web.cors_origins}

    @post(
        "/login",
        response_model=TokenResponse,
        errors=[InvalidCredentialsError, LoginLockedError, LoginBusyError, DatabaseUnavailableError],
    )
    @allow_anonymous
    async def login(self, body: LoginRequest, address: ClientAddress) -> Response:
        """Exchange user name and password for an access token. Upper and lower case of the name are equal."""
        return await self._token(body, address)

    @post(
        "/token",
        response_model=TokenResponse,
        responses=TOKEN_ERRORS | problem_entries(TOKEN_PROBLEMS),
        openapi_extra={"requestBody": TOKEN_FORM},
    )
    @allow_anonymous
    async def token(self, request: Request, address: ClientAddress) -> Response:
        """Exchange user name and password for an access token by OAuth 2.0's password grant. Swagger UI uses it.

        The errors are those of RFC 6749 §5.2.
        """
        media_type = request.headers.get("content-type", "")
        try:
            self._require_known_origin(request)
            return await self._token(login_request(media_type, await request.body()), address)
        except (DomainError, GrantError) as error:
            return refusal(error)

    def _require_known_origin(self, request: Request) -> None:
        """Raise GrantError for a request from a page of an unknown origin.

        A browser sends a form of any page without a preflight request, so CORS does not stop it. Such a page could lock
        a user at the address of its reader. Programs send no ``Origin``.
        """
        origin = request.headers.get("origin")
        own = f"{request.url.scheme}://{request.url.netloc}"
        if origin is not None and not self._origins & {origin, "*"} and origin != own:
            raise GrantError("invalid_request", "Pages of this origin may not log in here (web.cors_origins).")

    async def _token(self, body: LoginRequest, address: str) -> Response:
        token = await self._service.login(body.username, body.password, address)
        answer = TokenResponse(access_token=token.access_token, expires_in=token.expires_in)
        return JSONResponse(answer.model_dump(), headers={"Cache-Control": "no-store"})
