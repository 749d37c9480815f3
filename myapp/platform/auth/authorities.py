"""A caller's authorities: the token's roles, the permissions that they grant, and the token's own permissions.

A role is a name without a colon (``admin``), a permission is ``area:verb`` (``products:delete``). A string of the wrong
form is ignored, whichever claim it is in.
"""

from collections.abc import Callable, Iterable
from typing import Any, TypeVar

from pico_client_auth import RoleResolver, TokenClaims, requires_role
from pico_client_auth.config import AuthClientSettings
from pico_ioc import component

from ..errors import StartupError
from ..web.operations import PARAMETER_PERMISSION
from .settings import AuthSettings

EndpointT = TypeVar("EndpointT", bound=Callable[..., Any])


def requires_permission(*permissions: str) -> Callable[[Any], Any]:
    """Let only callers with one of ``permissions`` use the route. Others get 403 before the body is read."""
    for permission in permissions:
        if not is_permission(permission):
            raise ValueError(f"not a permission: {permission!r}")
    return requires_role(*permissions)


def requires_permission_for(parameter: str, permission: str) -> Callable[[EndpointT], EndpointT]:
    """Let only callers with ``permission`` set a boolean query parameter that asks for more; others get 403.

    Callers without the permission may call the route without the parameter. As ``requires_permission``, this only marks
    the method; the middleware decides, before anything else looks at the query.
    """

    def mark(method: EndpointT) -> EndpointT:
        setattr(method, PARAMETER_PERMISSION, (parameter, permission))
        return method

    return mark


def is_permission(name: str) -> bool:
    return ":" in name


@component(on_missing_selector=RoleResolver, on_missing_priority=1)
class AuthorityResolver:
    """Read roles and permissions from the claims of a token: pico-client-auth 0.7.1 reads one role from one claim.

    Another component that is a RoleResolver replaces this one. The permissions that its roles grant are still added.
    """

    def __init__(self, settings: AuthSettings, client: AuthClientSettings) -> None:
        self._paths = [
            [client.audience if step == "<audience>" else step for step in path.split(".")]
            for path in settings.role_claims
        ]
        self._scope_counts = settings.scope_grants_permissions

    async def resolve(self, claims: TokenClaims, raw_claims: dict[str, Any]) -> list[str]:
        """Return the token's roles and its own permissions, each once."""
        found = [name for path in self._paths for name in names_at_path(raw_claims, path) if not is_permission(name)]
        found += filter(is_permission, names_in(raw_claims.get("permissions")))
        if self._scope_counts and isinstance(scope := raw_claims.get("scope"), str):
            found += filter(is_permission, scope.split())
        return list(dict.fromkeys(found))


@component
class Grants:
    """The permissions that each role grants (``auth.permissions``). Raises StartupError for a name of wrong form."""

    def __init__(self, settings: AuthSettings) -> None:
        self._by_role = {role: tuple(permissions) for role, permissions in settings.permissions.items()}
        for role, permissions in self._by_role.items():
            if is_permission(role) or not all(map(is_permission, permissions)):
                raise StartupError(f"auth.permissions.{role}: must map a role to permissions such as products:write")

    def expand(self, authorities: Iterable[str]) -> list[str]:
        """Return ``authorities`` and the permissions that their roles grant, each once."""
        given = list(authorities)
        granted = (permission for name in given for permission in self._by_role.get(name, ()))
        return list(dict.fromkeys([*given, *granted]))


def names_at_path(claims: dict[str, Any], path: list[str]) -> list[str]:
    value: Any = claims
    for step in path:
        value = value.get(step) if isinstance(value, dict) else None
    return names_in(value)


def names_in(value: Any) -> list[str]:
    """Return the names in ``value``: one string, or the strings of a list. Anything else grants nothing."""
    if isinstance(value, str):
        return [value] if value else []
    return [name for name in value if isinstance(name, str) and name] if isinstance(value, list) else []
