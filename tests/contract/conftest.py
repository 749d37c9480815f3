"""What the rules that hold everywhere look at."""

from collections.abc import Awaitable, Callable
from typing import Any

import httpx
import pytest
from fastapi import FastAPI
from starlette.routing import Route

from myapp.web.docs import document
from myapp.web.route_table import leaves

Create = Callable[..., Awaitable[dict[str, Any]]]


@pytest.fixture
def openapi(app: FastAPI) -> dict[str, Any]:
    return document(app)


@pytest.fixture
def operations(openapi: dict[str, Any]) -> dict[tuple[str, str], dict[str, Any]]:
    """Every documented operation by method and path."""
    return {
        (method.upper(), path): operation
        for path, methods in openapi["paths"].items()
        for method, operation in methods.items()
    }


@pytest.fixture
def endpoints(app: FastAPI) -> dict[tuple[str, str], Any]:
    """The endpoint of every route by method and path, in the form that OpenAPI has for it."""
    found: dict[tuple[str, str], Any] = {}
    for route in leaves(app.routes):
        for method in route.methods or ():
            key = (method, route.path_format)
            assert key not in found, f"two routes for {method} {route.path_format}"
            found[key] = route.endpoint
    return found


@pytest.fixture
def routes(app: FastAPI) -> list[Route]:
    return list(leaves(app.routes))


@pytest.fixture
async def product_id(create: Create) -> int:
    product = await create()
    made: int = product["id"]
    return made


def path_for(path: str, product_id: int) -> str:
    """A path that can be asked for; the last id there is where none is given."""
    return path.replace("{product_id}", str(product_id))


async def send(client: httpx.AsyncClient, method: str, path: str, **options: Any) -> httpx.Response:
    return await client.request(method, path_for(path, 2147483647), **options)
