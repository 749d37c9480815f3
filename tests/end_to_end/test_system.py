"""Log in and use the API: auth server, API and database are real processes."""

import time

import httpx
import jwt
import pytest

from .system import System

pytestmark = pytest.mark.slow

PRODUCTS = "/api/v1/products/"


def test_login_then_every_role_does_what_it_may(system: System) -> None:
    viewer, manager, admin = (system.client(name) for name in ("viewer", "manager", "admin"))
    with viewer, manager, admin:
        assert viewer.post(PRODUCTS, json={"name": "Desk", "price": 10}).status_code == 403
        created = manager.post(PRODUCTS, json={"name": "Desk", "price": 10})
        assert created.status_code == 201
        path = created.headers["Location"]
        assert viewer.get(path).json() == created.json()
        assert manager.delete(path).status_code == 403
        assert admin.delete(path).status_code == 204
        assert viewer.get(path).status_code == 404


def test_a_rotation_is_seen_and_the_old_key_stays_good(system: System) -> None:
    before = system.login("viewer")
    assert get(system, before).status_code == 200
    system.command("keys", "rotate")

    after = before
    deadline = time.monotonic() + 40
    while key_of(after) == key_of(before) and time.monotonic() < deadline:
        time.sleep(0.3)
        after = system.login("viewer")
    assert key_of(after) != key_of(before)
    while get(system, after).status_code != 200 and time.monotonic() < deadline:
        time.sleep(0.3)
    assert get(system, after).status_code == 200
    assert get(system, before).status_code == 200


def test_restarts_lose_nothing_and_an_api_without_keys_says_so(stopped_system: System) -> None:
    system = stopped_system
    with system.auth_server():
        with system.products_api(), system.client("manager") as manager:
            path = manager.post(PRODUCTS, json={"name": "Desk", "price": 10}).headers["Location"]
        token = system.login("viewer")
        keys = httpx.get(f"{system.issuer}/jwks.json", trust_env=False).json()

    with system.products_api(health="/api/v1/health"):
        without_issuer = get(system, token, path)
        assert without_issuer.status_code == 503
        assert without_issuer.json()["code"] == "issuer_unavailable"
        with system.auth_server():
            assert httpx.get(f"{system.issuer}/jwks.json", trust_env=False).json() == keys
            time.sleep(1.1)  # the pause between two fetches
            assert get(system, token, path).status_code == 200
            assert get(system, system.login("viewer"), path).status_code == 200
        assert get(system, token, path).status_code == 200  # the keys stay while the issuer is down


def get(system: System, token: str, path: str = PRODUCTS) -> httpx.Response:
    headers = {"Authorization": f"Bearer {token}"}
    return httpx.get(system.api + path, headers=headers, trust_env=False)


def key_of(token: str) -> str:
    kid: str = jwt.get_unverified_header(token)["kid"]
    return kid
