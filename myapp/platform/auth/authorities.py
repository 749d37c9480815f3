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
        audiences = [client.audience, *settings.further_audiences]
        paths = [path.replace("<audience>", audience) for path in settings.role_claims for audience in audiences]
        self._role_paths = list(dict.fromkeys(paths))
        self._known_roles = frozenset(settings.permissions)
        self._permission_claims = ["permissions"]
        if settings.scope_grants_permissions:
            self._permission_claims += ["scope", "scp"]

    async def resolve(self, claims: TokenClaims, raw_claims: dict[str, Any]) -> list[str]:
        """Return the token's roles and its own permissions, each once."""
        found = [name for path in self._role_paths for name in self._roles_in(value_at(raw_claims, path))]
        found = [name for name in found if not is_permission(name)]
        for claim in self._permission_claims:
            found += filter(is_permission, names_in(raw_claims.get(claim)))
        return list(dict.fromkeys(found))

    def _roles_in(self, value: Any) -> list[str]:
        """Return the names in ``value``, which may also be an object with the names as keys (ZITADEL)."""
        if isinstance(value, dict):
            return [name for name, held in value.items() if name and held is not None and held is not False]
        if isinstance(value, str) and value in self._known_roles:
            return [value]  # a role whose name has a blank
        return names_in(value)


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


def value_at(claims: Any, path: str) -> Any:
    """Return the claim with the name ``path``, or else what is at this path, or None.

    Dots separate the names of a path. A name may contain dots too, such as ``https://shop.example.com/roles``.
    """
    if not isinstance(claims, dict):
        return None
    if path in claims:
        return claims[path]
    dot = path.find(".")
    while dot >= 0:
        if path[:dot] in claims and (found := value_at(claims[path[:dot]], path[dot + 1 :])) is not None:
            return found
        dot = path.find(".", dot + 1)
    return None


def names_in(value: Any) -> list[str]:
    """Return the names in ``value``: those of a string with blanks between, or the strings of a list."""
    if isinstance(value, str):
        return value.split()
    return [name for name in value if isinstance(name, str) and name] if isinstance(value, list) else []
