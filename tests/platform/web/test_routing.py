"""How controllers become routes."""

from typing import Any

import pytest
from fastapi import APIRouter, Depends, FastAPI, Request

from myapp.platform.errors import StartupError
from myapp.platform.web.route_table import RouteTable, check_inclusions
from myapp.platform.web.routing import IdConvertor, get


def scope(method: str, path: str, root_path: str = "") -> dict[str, Any]:
    return {"type": "http", "method": method, "path": path, "root_path": root_path}


class TestIds:
    def test_can_be_read_and_written(self) -> None:
        app = FastAPI()
        app.add_api_route("/things/{thing_id:id}", lambda: None, name="thing")
        assert app.url_path_for("thing", thing_id=7) == "/things/7"
        assert IdConvertor().convert("0000000007") == 7


class TestOwnRequest:
    async def test_is_passed_to_a_method_that_declares_it(self) -> None:
        class Controller:
            @get("/")
            async def path(self, asked: Request) -> Any:
                return asked.url.path

        class Silent:
            @get("/")
            async def nothing(self) -> Any: ...

        request = Request(scope("GET", "/here") | {"query_string": b"", "headers": [], "server": ("test", 80)})
        assert (await Controller().path(asked=request)).status_code == 200
        assert (await Silent().nothing(http_request=request)).status_code == 200


class TestRouteTable:
    def table(self) -> RouteTable:
        inner = APIRouter(prefix="/things")
        for method, path in (("GET", "/"), ("POST", "/"), ("GET", "/{id:id}"), ("PUT", "/{id:id}"), ("GET", "/all")):
            inner.add_api_route(path, lambda: None, methods=[method])
        app = FastAPI(openapi_url=None)
        app.include_router(inner)
        return RouteTable.of(app.routes)

    def test_finds_a_route(self) -> None:
        paths = {"/things/": "/things/", "/things/all": "/things/all", "/things/7": "/things/{id:id}"}
        for path, template in paths.items():
            target = self.table().resolve(scope("GET", path))
            assert (target.template, target.endpoint is None) == (template, False)

    def test_adds_the_slash_of_a_collection(self) -> None:
        asked = scope("GET", "/things")
        assert self.table().resolve(asked).template == "/things/"
        assert asked["path"] == "/things/"

    def test_finds_the_method_of_a_later_pattern(self) -> None:
        app = FastAPI(openapi_url=None)
        app.add_api_route("/things/{id:id}", lambda: None, methods=["GET"])
        app.add_api_route("/things/{thing_id:id}", lambda: None, methods=["PUT"])
        table = RouteTable.of(app.routes)
        assert table.resolve(scope("PUT", "/things/7")).template == "/things/{thing_id:id}"
        assert table.resolve(scope("BREW", "/things/7")).allowed == ("GET", "PUT")

    def test_refuses_options_of_an_inclusion(self) -> None:
        inner = APIRouter()
        inner.add_api_route("/things", lambda: None)
        for include in (
            lambda app: app.include_router(inner, prefix="/v2"),
            lambda app: app.include_router(inner, dependencies=[Depends(lambda: None)]),
            lambda app: app.mount("/v2", FastAPI()),
        ):
            app = FastAPI(openapi_url=None)
            include(app)
            with pytest.raises(StartupError):
                check_inclusions(app.routes)

    def test_skips_the_root_path(self) -> None:
        asked = scope("GET", "/shop/things", "/shop")
        assert self.table().resolve(asked).template == "/things/"
        assert asked["path"] == "/shop/things/"

    def test_has_the_methods_of_a_path(self) -> None:
        for path, template, allowed in (
            ("/things/", "/things/", ("GET", "POST")),
            ("/things/7", "/things/{id:id}", ("GET", "PUT")),
            ("/things/all", "/things/all", ("GET",)),
            ("/nowhere", "(unknown)", ()),
            ("/things/7\n", "(unknown)", ()),
            ("/things/\n", "(unknown)", ()),
        ):
            target = self.table().resolve(scope("BREW", path))
            assert (target.template, target.endpoint, target.allowed) == (template, None, allowed)
