"""The login over HTTP."""

from typing import Annotated

from fastapi import Depends, Request
from fastapi.responses import JSONResponse, Response
from pico_client_auth import allow_anonymous
from pico_fastapi import controller

from myapp.platform.errors import DatabaseUnavailableError
from myapp.platform.web.routing import post

from .errors import InvalidCredentialsError, LoginBusyError, LoginLockedError
from .schemas import LoginRequest, TokenResponse
from .services import LoginService


async def client_address(request: Request) -> str:
    """That of the connection, or what a trusted proxy says it is (``web.trusted_proxies``)."""
    return request.client.host if request.client else ""


ClientAddress = Annotated[str, Depends(client_address)]


@controller(tags=["Login"], scope="singleton")
class LoginController:
    def __init__(self, service: LoginService) -> None:
        self._service = service

    @post(
        "/login",
        response_model=TokenResponse,
        errors=[InvalidCredentialsError, LoginLockedError, LoginBusyError, DatabaseUnavailableError],
    )
    @allow_anonymous
    async def login(self, body: LoginRequest, address: ClientAddress) -> Response:
        """Get an access token for a user name, whose case does not count, and its password."""
        token = await self._service.login(body.username, body.password, address)
        answer = TokenResponse(access_token=token.access_token, expires_in=token.expires_in)
        return JSONResponse(answer.model_dump(), headers={"Cache-Control": "no-store"})
