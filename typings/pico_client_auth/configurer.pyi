from collections.abc import Callable, Iterable, Iterator, MutableMapping, Sequence
from typing import Any, ClassVar

from fastapi import FastAPI
from starlette.requests import Request
from starlette.responses import JSONResponse
from starlette.routing import BaseRoute

from .config import AuthClientSettings
from .models import TokenClaims
from .role_resolver import RoleResolver
from .token_validator import TokenValidator

_Endpoint = Callable[..., Any]

def _iter_leaf_routes(routes: Sequence[BaseRoute]) -> Iterator[BaseRoute]: ...
def _find_endpoint(app: FastAPI, scope: MutableMapping[str, Any]) -> _Endpoint | None: ...
def _required_attr(endpoint: _Endpoint | None, attr: str) -> frozenset[str] | None: ...
def _check_roles(endpoint: _Endpoint | None, roles: Iterable[str]) -> JSONResponse | None: ...
def _check_groups(endpoint: _Endpoint | None, claims: TokenClaims) -> JSONResponse | None: ...
async def _authenticate_agent(request: Request, token_validator: TokenValidator) -> JSONResponse | None: ...
def _check_scopes(endpoint: _Endpoint | None) -> JSONResponse | None: ...

class AuthFastapiConfigurer:
    _pico_meta: ClassVar[dict[str, Any]]
    priority: int
    _settings: AuthClientSettings
    _token_validator: TokenValidator
    _role_resolver: RoleResolver
    def __init__(
        self, settings: AuthClientSettings, token_validator: TokenValidator, role_resolver: RoleResolver
    ) -> None: ...
    def configure_app(self, app: FastAPI) -> None: ...
