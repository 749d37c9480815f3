"""Check the caller of a request that lasts long again: a token can end, and a user can be deactivated, meanwhile."""

from pico_client_auth.config import AuthClientSettings
from pico_client_auth.token_validator import TokenValidator
from pico_ioc import component
from starlette.types import Scope

from .middleware import authenticate
from .status import CallerStatus


@component
class CallerRecheck:
    def __init__(self, settings: AuthClientSettings, validator: TokenValidator, status: CallerStatus) -> None:
        self._enabled = settings.enabled
        self._validator = validator
        self._status = status

    async def require_valid(self, scope: Scope) -> None:
        """Raise the problem that a new request of this caller would get: 401 or 403. It costs some microseconds."""
        if self._enabled:
            await authenticate(scope, self._validator, self._status)
