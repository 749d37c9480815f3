"""Fixtures for the contracts: the routes and operations of the whole application."""

import re
import uuid
from typing import Any

import httpx
import pytest
from fastapi import FastAPI
from pico_ioc import PicoContainer
from starlette.routing import Route

from myapp.platform.context.claims import Caller
from myapp.platform.web.route_table import iter_routes
from myapp.users.models import User
from myapp.users.services import ProfileService, UserService

from ..fixture_types import Create, SeeUser
from ..issuer import Issuer


@pytest.fixture
def openapi(app: FastAPI) -> dict[str, Any]:
    return app.openapi()


@pytest.fixture
def operations(openapi: dict[str, Any]) -> dict[tuple[str, str], dict[str, Any]]:
    """Every documented operation, by method and path."""
    return {
        (method.upper(), path): operation
        for path, methods in openapi["paths"].items()
        for method, operation in methods.items()
    }


@pytest.fixture
def endpoints(app: FastAPI) -> dict[tuple[str, str], Any]:
    """The endpoint of every route, by method and path. The path has the form that OpenAPI uses."""
    found: dict[tuple[str, str], Any] = {}
    for route in iter_routes(app.routes):
        for method in route.methods or ():
            key = (method, route.path_format)
            assert key not in found, f"two routes for {method} {route.path_format}"
            found[key] = route.endpoint
    return found


@pytest.fixture
def routes(app: FastAPI) -> list[Route]:
    return list(iter_routes(app.routes))


@pytest.fixture
async def product_id(create: Create) -> int:
    product = await create()
    made: int = product["id"]
    return made


@pytest.fixture
def see(container: PicoContainer) -> SeeUser:
    """``await see()`` returns a new user who has called the service once."""

    async def see_one() -> User:
        profiles: ProfileService = container.get(ProfileService)
        return await profiles.get(Caller(f"subject-{uuid.uuid4().hex}"))

    return see_one


@pytest.fixture
async def user_id(see: SeeUser) -> uuid.UUID:
    return (await see()).id


@pytest.fixture
async def report_id(manager: httpx.AsyncClient) -> str:
    """The id of a finished report."""
    response = await manager.post("/api/v1/reports/", json={"kind": "inventory", "format": "csv"})
    made: str = response.json()["id"]
    return made


@pytest.fixture
async def deactivated(container: PicoContainer, issuer: Issuer, see: SeeUser) -> str:
    """The token of a deactivated user, with every role."""
    user = await see()
    await container.get(UserService).update(user.id, {"is_active": False})  # type: ignore[arg-type]
    return issuer.token(roles=["admin", "product-manager"], sub=user.subject)


NO_NUMBER = "2147483647"
NO_UUID = "00000000-0000-4000-8000-000000000000"
UUIDS = {"user_id", "report_id", "webhook_id"}
"""The path parameters that are UUIDs. The others are numbers."""


def path_for(path: str, **ids: object) -> str:
    """Return ``path`` with the given ids. A missing id becomes a valid id of no resource."""

    def value(found: re.Match[str]) -> str:
        return str(ids.get(found[1], NO_UUID if found[1] in UUIDS else NO_NUMBER))

    return re.sub(r"{(\w+)}", value, path)


async def send(client: httpx.AsyncClient, method: str, path: str, **options: Any) -> httpx.Response:
    return await client.request(method, path_for(path), **options)
