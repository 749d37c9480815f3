"""No request matches two routes."""

import re
from itertools import combinations

import pytest
from fastapi import FastAPI
from starlette.convertors import UUIDConvertor
from starlette.routing import Route

from myapp.platform.web.route_table import RouteTable

pytestmark = pytest.mark.one_database

PARAMETER = re.compile(r"{(\w+)(:\w+)?}")
IDS = {"[0-9]{1,10}": "7", UUIDConvertor.regex: "00000000-0000-4000-8000-000000000000"}
"""The patterns of ids, each with an example."""
REST = ":path}"
"""The mark of a parameter that is the rest of a path, slashes included."""


def overlap(one: Route, other: Route) -> bool:
    """Return whether some path matches both."""
    mine, yours = one.path.split("/"), other.path.split("/")
    pairs = list(zip(mine, yours, strict=False))
    rest = next((place for place, pair in enumerate(pairs) if any(REST in part for part in pair)), None)
    if rest is None and len(mine) != len(yours):
        return False
    return all(may_equal(one, part, other, counterpart) for part, counterpart in pairs[:rest])


def may_equal(one: Route, part: str, other: Route, counterpart: str) -> bool:
    mine, yours = PARAMETER.fullmatch(part), PARAMETER.fullmatch(counterpart)
    if mine and yours:
        return True
    if mine:
        return bool(re.fullmatch(one.param_convertors[mine[1]].regex, counterpart))
    if yours:
        return bool(re.fullmatch(other.param_convertors[yours[1]].regex, part))
    return part == counterpart


def test_no_route_shadows_another(routes: list[Route]) -> None:
    assert not [
        f"{one.methods} {one.path} and {other.path}"
        for one, other in combinations(routes, 2)
        if (one.methods or set()) & (other.methods or set()) and overlap(one, other)
    ]


def test_a_parameter_of_a_path_is_an_id_or_the_rest(routes: list[Route]) -> None:
    """A parameter that matches any text would also match the fixed names next to it."""
    assert not [
        f"{route.path}: {name}"
        for route in routes
        for name, convertor in route.param_convertors.items()
        if convertor.regex not in IDS and not route.path.endswith(f"{{{name}{REST}")
    ]


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("/a/{b}", "/a/c"),
        ("/{a}/b", "/c/{d}"),
        ("/a/{id:id}", "/a/{n}"),
        ("/a", "/a"),
        ("/a/{b:path}", "/a/c"),
        ("/a/{b:path}", "/a/c/d"),
        ("/{a}/b/c", "/d/{e:path}"),
    ],
)
def test_the_check_finds_an_overlap(one: str, other: str) -> None:
    app = FastAPI()
    for path in (one, other):
        app.add_api_route(path, lambda: None)
    routes = [route for route in app.routes if isinstance(route, Route)][-2:]
    assert overlap(*routes)


def test_the_route_table_agrees_with_the_application(
    app: FastAPI, routes: list[Route], subtests: pytest.Subtests
) -> None:
    table = RouteTable.of(app.routes)
    for route in routes:
        with subtests.test(route.path):
            for method in route.methods or ():
                ids = {name: IDS.get(convertor.regex, "a/b") for name, convertor in route.param_convertors.items()}
                path = route.path_format.format_map(ids)
                target = table.resolve({"type": "http", "method": method, "path": path, "root_path": ""})
                assert (target.template, target.endpoint) == (route.path, route.endpoint)
