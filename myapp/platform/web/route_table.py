"""Find the route of a request once, for the log line, the auth middleware, trailing slashes and the call itself."""

import re
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from typing import Any

from starlette.convertors import Convertor
from starlette.routing import BaseRoute, Mount, Route
from starlette.types import ASGIApp, Scope

from ..errors import StartupError
from .dispatch import application_of
from .problems import method_not_allowed, route_not_found


@dataclass(slots=True)
class Target:
    """The target of a request.

    For an unknown path or method, ``endpoint`` is None and ``allowed`` are the methods that the path supports.
    """

    template: str
    endpoint: Any = None
    app: ASGIApp | None = None
    allowed: tuple[str, ...] = ()

    def require(self) -> ASGIApp:
        """Return the application that answers the request. Raise a 404 or 405 problem for a request without a route."""
        if self.app is None:
            raise method_not_allowed(self.allowed) if self.allowed else route_not_found()
        return self.app


UNKNOWN = "(unknown)"


@dataclass
class Pattern:
    """A path with parameters, and its targets by method."""

    regex: re.Pattern[str]
    convertors: dict[str, Convertor[Any]]
    targets: dict[str, Target] = field(default_factory=dict)

    def convert(self, found: re.Match[str], scope: Scope) -> bool:
        """Set ``scope["path_params"]``. Return False if a text has no value, as a number of 5,000 digits has none."""
        try:
            values = {name: self.convertors[name].convert(text) for name, text in found.groupdict().items()}
        except ValueError:
            return False
        scope["path_params"] = values
        return True


@dataclass
class RouteTable:
    """Targets by path and method, and the patterns of paths with parameters."""

    static: dict[str, dict[str, Target]] = field(default_factory=dict)
    patterns: dict[str, Pattern] = field(default_factory=dict)

    @classmethod
    def of(cls, routes: Iterable[BaseRoute], application: Callable[[Route], ASGIApp] = application_of) -> "RouteTable":
        """Return the table of ``routes``. ``application`` makes the ASGI application of each."""
        table = cls()
        for route in iter_routes(routes):
            if route.param_convertors:
                pattern = Pattern(route.path_regex, route.param_convertors)
                targets = table.patterns.setdefault(route.path, pattern).targets
            else:
                targets = table.static.setdefault(route.path, {})
            for method in route.methods or ():
                targets.setdefault(method, Target(route.path, route.endpoint, application(route)))
        return table

    def resolve(self, scope: Scope) -> Target:
        """Return the target of ``scope``, and set ``scope["path_params"]``.

        A collection gives the same answer with and without its trailing slash: if only the path with the slash is a
        route, the slash is added to ``scope["path"]``.
        """
        scope["path_params"] = {}
        path, root_path = scope["path"], scope.get("root_path", "")
        if root_path:
            path = path.removeprefix(root_path)
        targets = self.static.get(path)
        if targets is None and (targets := self.static.get(path + "/")):
            scope["path"] += "/"
        if targets is not None:
            return targets.get(scope["method"]) or unsupported(targets)
        template, allowed = UNKNOWN, set[str]()
        for pattern in self.patterns.values():
            # Not match(): Starlette's patterns end in "$", which also matches before a final line break.
            if (found := pattern.regex.fullmatch(path)) and pattern.convert(found, scope):
                if target := pattern.targets.get(scope["method"]):
                    return target
                template = next(iter(pattern.targets.values())).template
                allowed.update(pattern.targets)
        return Target(template, allowed=tuple(sorted(allowed)))


def unsupported(targets: dict[str, Target]) -> Target:
    """Return the target of a request whose path does not support its method."""
    return Target(next(iter(targets.values())).template, allowed=tuple(sorted(targets)))


def iter_routes(routes: Iterable[BaseRoute]) -> Iterator[Route]:
    """Yield every route with an endpoint. FastAPI 0.165 keeps an included router as one entry of ``app.routes``."""
    for route in routes:
        inner = getattr(route, "routes", None) or getattr(getattr(route, "original_router", None), "routes", None)
        if inner:
            yield from iter_routes(inner)
        elif isinstance(route, Route):
            yield route


def check_inclusions(routes: Iterable[BaseRoute]) -> None:
    """Raise StartupError for what this table cannot keep: a mount, or a router included with options of its own."""
    for route in routes:
        context = getattr(route, "include_context", None)
        if isinstance(route, Mount) or (context and (context.prefix or context.dependencies)):
            raise StartupError("a router must have its prefix and its dependencies itself, and cannot be mounted")
        check_inclusions(getattr(getattr(route, "original_router", None), "routes", ()))
