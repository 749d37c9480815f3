"""What a caller may do: roles from the token, permissions that the roles grant, permissions in the token itself.

A role is a name without a colon (``admin``), a permission is ``area:verb`` (``products:delete``); a string of the
wrong form is neither, whatever claim it stands in.
"""

import functools
from collections.abc import Callable, Iterable
from typing import Any, TypeVar, cast

from pico_client_auth import RoleResolver, SecurityContext, TokenClaims, requires_role
from pico_client_auth.config import AuthClientSettings
from pico_ioc import component

from ..errors import StartupError
from ..web.operations import MAY_FORBID
from ..web.problems import forbidden
from .settings import AuthSettings

EndpointT = TypeVar("EndpointT", bound=Callable[..., Any])


def requires_permission(*permissions: str) -> Callable[[Any], Any]:
    """Only callers with one of ``permissions`` reach the route; others get 403 before the body is read."""
    for permission in permissions:
        if not is_permission(permission):
            raise ValueError(f"not a permission: {permission!r}")
    return requires_role(*permissions)


def requires_permission_for(parameter: str, permission: str) -> Callable[[EndpointT], EndpointT]:
    """Let only callers with ``permission`` set a query parameter that asks for more; others get 403.

    The route itself stays open to callers without it. The parameter is one of the method, or a field of its ``query``.
    """

    def restrict(method: EndpointT) -> EndpointT:
        @functools.wraps(method)
        async def restricted(self: object, **arguments: Any) -> Any:
            wanted = arguments[parameter] if parameter in arguments else getattr(arguments["query"], parameter)
            if wanted and not SecurityContext.has_role(permission):
                raise forbidden([permission])
            return await method(self, **arguments)

        setattr(restricted, MAY_FORBID, True)
        return cast(EndpointT, restricted)

    return restrict


def is_permission(name: str) -> bool:
    return ":" in name


@component(on_missing_selector=RoleResolver, on_missing_priority=1)
class AuthorityResolver:
    """pico-client-auth 0.7.1 reads one role of one claim. Any other component that is a RoleResolver replaces this one;
    what its roles grant is added all the same."""

    def __init__(self, settings: AuthSettings, client: AuthClientSettings) -> None:
        self._paths = [
            [client.audience if step == "<audience>" else step for step in path.split(".")]
            for path in settings.role_claims
        ]
        self._scope_counts = settings.scope_grants_permissions

    async def resolve(self, claims: TokenClaims, raw_claims: dict[str, Any]) -> list[str]:
        """Roles and the token's own permissions, without repetition."""
        found = [name for path in self._paths for name in names_at(raw_claims, path) if not is_permission(name)]
        found += filter(is_permission, names(raw_claims.get("permissions")))
        if self._scope_counts and isinstance(scope := raw_claims.get("scope"), str):
            found += filter(is_permission, scope.split())
        return list(dict.fromkeys(found))


@component
class Grants:
    """Which permissions each role grants (``auth.permissions``). Raises StartupError for one of the wrong form."""

    def __init__(self, settings: AuthSettings) -> None:
        self._by_role = {role: tuple(permissions) for role, permissions in settings.permissions.items()}
        for role, permissions in self._by_role.items():
            if is_permission(role) or not all(map(is_permission, permissions)):
                raise StartupError(f"auth.permissions.{role}: must map a role to permissions such as products:write")

    def expand(self, authorities: Iterable[str]) -> list[str]:
        """``authorities`` with all that their roles grant."""
        given = list(authorities)
        granted = (permission for name in given for permission in self._by_role.get(name, ()))
        return list(dict.fromkeys([*given, *granted]))


def names_at(claims: dict[str, Any], path: list[str]) -> list[str]:
    value: Any = claims
    for step in path:
        value = value.get(step) if isinstance(value, dict) else None
    return names(value)


def names(value: Any) -> list[str]:
    """``value`` as a list of names: one string, or the strings of a list; anything else grants nothing."""
    if isinstance(value, str):
        return [value] if value else []
    return [name for name in value if isinstance(name, str) and name] if isinstance(value, list) else []
