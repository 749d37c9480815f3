"""Which route a request means, found once and used by the log line, the auth middleware and trailing slashes."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import Any

from starlette.routing import BaseRoute, Route
from starlette.types import Scope


@dataclass(slots=True)
class Target:
    """What a request is aimed at. ``endpoint`` is None for an unknown path or method; ``allowed`` are then the methods
    that the path knows."""

    template: str
    endpoint: Any = None
    allowed: tuple[str, ...] = ()


UNKNOWN = "(unknown)"


@dataclass
class RouteTable:
    static: dict[str, dict[str, Target]] = field(default_factory=dict)
    patterns: list[Route] = field(default_factory=list)

    @classmethod
    def of(cls, routes: Iterable[BaseRoute]) -> "RouteTable":
        table = cls()
        for route in leaves(routes):
            if route.param_convertors:
                table.patterns.append(route)
            else:
                methods = table.static.setdefault(route.path, {})
                for method in route.methods or ():
                    methods[method] = Target(route.path, route.endpoint)
        return table

    def resolve(self, scope: Scope) -> Target:
        """The target of ``scope``. A collection answers the same with and without its trailing slash: where only the
        path with it is a route, ``scope["path"]`` is given it."""
        path = scope["path"].removeprefix(scope.get("root_path", ""))
        methods = self.static.get(path)
        if methods is None and (methods := self.static.get(path + "/")):
            scope["path"] += "/"
        if methods is not None:
            known = methods.get(scope["method"])
            return known or Target(next(iter(methods.values())).template, allowed=tuple(sorted(methods)))
        template, allowed = UNKNOWN, set[str]()
        for route in self.patterns:
            # Not match(): Starlette's patterns end in "$", which takes a line break at the end as well.
            if route.path_regex.fullmatch(path):
                if scope["method"] in (route.methods or ()):
                    return Target(route.path, route.endpoint)
                template = route.path
                allowed.update(route.methods or ())
        return Target(template, allowed=tuple(sorted(allowed)))


def put_in_order(routes: list[BaseRoute]) -> None:
    """Sort routers: those with few routes first, pages last.

    FastAPI tries one route after the other for each request. pico-fastapi 0.4.4 registers controllers in the order of
    a set, which differs from run to run: the last place costs a health check 50 µs more than the first one. Which route
    a request means does not depend on the order, as no route shadows another.
    """

    def place(route: BaseRoute) -> tuple[bool, int, str]:
        below = list(leaves([route]))
        return isinstance(route, Route), len(below), below[0].path if below else ""

    routes.sort(key=place)


def leaves(routes: Iterable[BaseRoute]) -> Iterator[Route]:
    """Every route with an endpoint; FastAPI 0.165 keeps included routers as one entry of ``app.routes``."""
    for route in routes:
        inner = getattr(route, "routes", None) or getattr(getattr(route, "original_router", None), "routes", None)
        if inner:
            yield from leaves(inner)
        elif isinstance(route, Route):
            yield route
