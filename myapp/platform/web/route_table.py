"""Find the route of a request once, for the log line, the auth middleware and trailing slashes."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import Any

from starlette.routing import BaseRoute, Route
from starlette.types import Scope


@dataclass(slots=True)
class Target:
    """The target of a request.

    For an unknown path or method, ``endpoint`` is None and ``allowed`` are the methods that the path supports.
    """

    template: str
    endpoint: Any = None
    allowed: tuple[str, ...] = ()


UNKNOWN = "(unknown)"


@dataclass
class RouteTable:
    """Routes without path parameters by path and method, and the patterns of the others."""

    static: dict[str, dict[str, Target]] = field(default_factory=dict)
    patterns: list[Route] = field(default_factory=list)

    @classmethod
    def of(cls, routes: Iterable[BaseRoute]) -> "RouteTable":
        table = cls()
        for route in iter_routes(routes):
            if route.param_convertors:
                table.patterns.append(route)
            else:
                methods = table.static.setdefault(route.path, {})
                for method in route.methods or ():
                    methods[method] = Target(route.path, route.endpoint)
        return table

    def resolve(self, scope: Scope) -> Target:
        """Return the target of ``scope``.

        A collection gives the same answer with and without its trailing slash: if only the path with the slash is a
        route, the slash is added to ``scope["path"]``.
        """
        path = scope["path"].removeprefix(scope.get("root_path", ""))
        methods = self.static.get(path)
        if methods is None and (methods := self.static.get(path + "/")):
            scope["path"] += "/"
        if methods is not None:
            known = methods.get(scope["method"])
            return known or Target(next(iter(methods.values())).template, allowed=tuple(sorted(methods)))
        template, allowed = UNKNOWN, set[str]()
        for route in self.patterns:
            # Not match(): Starlette's patterns end in "$", which also matches before a final line break.
            if route.path_regex.fullmatch(path):
                if scope["method"] in (route.methods or ()):
                    return Target(route.path, route.endpoint)
                template = route.path
                allowed.update(route.methods or ())
        return Target(template, allowed=tuple(sorted(allowed)))


def sort_routes(routes: list[BaseRoute]) -> None:
    """Sort routers: those with few routes first, pages last.

    FastAPI tries one route after the other for each request. pico-fastapi 0.4.4 registers controllers in the order of
    a set, which differs from run to run: a health check takes 50 µs longer in the last place than in the first one.
    No route shadows another, so every request gets the same route in any order.
    """

    def sort_key(route: BaseRoute) -> tuple[bool, int, str]:
        inner = list(iter_routes([route]))
        return isinstance(route, Route), len(inner), inner[0].path if inner else ""

    routes.sort(key=sort_key)


def iter_routes(routes: Iterable[BaseRoute]) -> Iterator[Route]:
    """Yield every route with an endpoint. FastAPI 0.165 keeps an included router as one entry of ``app.routes``."""
    for route in routes:
        inner = getattr(route, "routes", None) or getattr(getattr(route, "original_router", None), "routes", None)
        if inner:
            yield from iter_routes(inner)
        elif isinstance(route, Route):
            yield route
