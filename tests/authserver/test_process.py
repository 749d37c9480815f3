"""The auth server in real processes: a restart and a rotation lose nothing."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx
import jwt
import pytest

from authserver.boot import FOLDER

from ..databases import Databases, free_port
from .conftest import CHEAP, PASSWORD

pytestmark = pytest.mark.slow


@pytest.fixture
def environment(databases: Databases, tmp_path: Path) -> dict[str, str]:
    port = free_port()
    return {
        **os.environ,
        **CHEAP,
        "AUTHSERVER__DATABASE__URL": databases.empty("sqlite"),
        "AUTHSERVER__KEYS__DIRECTORY": str(tmp_path / "keys"),
        "AUTHSERVER__KEYS__PUBLISH_BEFORE_USE": "1",
        "AUTHSERVER__ISSUER__URL": f"http://127.0.0.1:{port}",
    }


def authserver(environment: dict[str, str], *arguments: str, typed: str = "") -> str:
    command = [sys.executable, "-m", "authserver.cli", *arguments]
    done = subprocess.run(command, input=typed, env=environment, cwd=FOLDER.parent, text=True, capture_output=True)
    assert done.returncode == 0, done.stderr
    return done.stdout


@contextmanager
def serving(environment: dict[str, str], workers: int = 1) -> Iterator[httpx.Client]:
    """Run the server and return a client. SIGTERM stops the server at the end."""
    url = environment["AUTHSERVER__ISSUER__URL"]
    arguments = ["serve", "--port", url.rpartition(":")[2], "--workers", str(workers)]
    process = subprocess.Popen(
        [sys.executable, "-m", "authserver.cli", *arguments], env=environment, cwd=FOLDER.parent, stderr=subprocess.PIPE
    )
    with process, httpx.Client(base_url=url, trust_env=False) as client:
        try:
            wait_until(lambda: is_healthy(client))
            yield client
        finally:
            process.send_signal(signal.SIGTERM)
            _, log = process.communicate(timeout=30)
            print(log.decode())  # shown if the test fails
    # a single uvicorn process ends with the signal, a parent of workers with 0
    assert process.returncode in (0, -signal.SIGTERM)
    assert b"Traceback" not in log
    assert b"Application shutdown complete" in log


def wait_until(condition: Callable[[], bool], seconds: float = 60) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.05)


def is_healthy(client: httpx.Client) -> bool:
    try:
        return client.get("/health").is_success
    except httpx.TransportError:
        return False


def login(client: httpx.Client, username: str, password: str = PASSWORD) -> httpx.Response:
    return client.post("/login", json={"username": username, "password": password})


def token_of(client: httpx.Client, username: str) -> str:
    response = login(client, username)
    assert response.status_code == 200, response.text
    token: str = response.json()["access_token"]
    return token


def published(client: httpx.Client) -> dict[str, jwt.PyJWK]:
    document = client.get("/.well-known/openid-configuration").json()
    keys = jwt.PyJWKSet.from_dict(client.get(document["jwks_uri"]).json()).keys
    return {str(key.key_id): key for key in keys}


def claims_of(token: str, client: httpx.Client) -> dict[str, Any]:
    key = published(client)[kid_of(token)]
    issuer = str(client.base_url).rstrip("/")
    claims: dict[str, Any] = jwt.decode(token, key, ["RS256"], audience="products-api", issuer=issuer)
    return claims


def kid_of(token: str) -> str:
    kid: str = jwt.get_unverified_header(token)["kid"]
    return kid


class TestProcess:
    def test_restart_rotation_and_lockout(self, environment: dict[str, str]) -> None:
        account = ("--email", "a@example.com", "--name", "A", "--role", "admin", "--password-stdin")
        for name in ("alice", "bob"):
            authserver(environment, "users", "add", name, *account, typed=PASSWORD)
        with serving(environment) as client:
            old = token_of(client, "alice")
            subject = claims_of(old, client)["sub"]
            statuses = [login(client, "bob", "wrong").status_code for _ in range(6)]
            assert statuses == [401] * 5 + [429]
        with serving(environment, workers=2) as client:
            assert claims_of(old, client)["sub"] == subject
            assert claims_of(token_of(client, "alice"), client)["sub"] == subject
            assert kid_of(token_of(client, "alice")) == kid_of(old)
            assert login(client, "bob").status_code == 429
            new = authserver(environment, "keys", "rotate").split()[0]
            wait_until(lambda: set(published(client)) == {kid_of(old), new}, seconds=15)
            wait_until(lambda: kid_of(token_of(client, "alice")) == new, seconds=15)
            assert claims_of(old, client)["sub"] == subject

    def test_a_server_that_cannot_start_says_why_in_one_line(self, environment: dict[str, str]) -> None:
        environment["AUTHSERVER__ISSUER__URL"] = "nonsense"
        command = [sys.executable, "-m", "authserver.cli", "serve", "--workers", "2"]
        done = subprocess.run(command, env=environment, cwd=FOLDER.parent, text=True, capture_output=True, timeout=20)
        assert done.returncode == 3
        assert done.stderr.startswith("authserver: issuer.url (AUTHSERVER__ISSUER__URL): ")
        assert done.stderr.count("\n") == 1
