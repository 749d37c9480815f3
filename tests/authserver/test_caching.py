"""Every answer of the auth server says who may keep it."""

import httpx
import pytest
from fastapi import FastAPI
from pico_ioc import PicoContainer

from myapp.platform.web.route_table import iter_routes

from .conftest import AddUser, login

pytestmark = pytest.mark.one_database

KEPT = {
    "/.well-known/openid-configuration": "public, max-age=300",
    "/jwks.json": "public, max-age=10",
    "/openapi.json": "no-cache",
    "/docs": "no-cache",
    "/docs/openapi.json": "no-cache",
    "/redoc": "no-cache",
}


async def test_every_answer_declares_it(
    container: PicoContainer, client: httpx.AsyncClient, subtests: pytest.Subtests
) -> None:
    for route in iter_routes(container.get(FastAPI).routes):
        for method in (*(route.methods or ()), "BREW"):
            with subtests.test(f"{method} {route.path}"):
                response = await client.request(method, route.path)
                is_asset = route.path.startswith("/docs/") and route.path not in (*KEPT, "/docs/oauth2-redirect")
                kept = KEPT.get(route.path, "public, max-age=86400" if is_asset else "no-store")
                expected = kept if response.is_success else "no-store"
                assert response.headers.get_list("cache-control") == [expected]


async def test_a_token_is_never_kept(client: httpx.AsyncClient, add_user: AddUser) -> None:
    await add_user()
    assert (await login(client)).headers.get_list("cache-control") == ["no-store"]
