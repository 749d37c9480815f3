"""Runs the project's own auth server for tokens."""

import os
import secrets
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import httpx

from benchmarks.servers import ROOT, Server, free_port

AUTHSERVER = [sys.executable, "-m", "authserver.cli"]
USERNAME = "benchmark"


@dataclass(frozen=True)
class Issuer:
    url: str
    password: str

    def token(self) -> str:
        """Return a new token: a token is valid for fifteen minutes, and a run can take longer."""
        credentials = {"username": USERNAME, "password": self.password}
        response = httpx.post(f"{self.url}/login", json=credentials, trust_env=False, timeout=10)
        return str(response.raise_for_status().json()["access_token"])


@contextmanager
def auth_server(folder: Path) -> Iterator[Issuer]:
    """Run an auth server with its data in ``folder`` and one user, who may create products."""
    port = free_port()
    issuer = Issuer(f"http://127.0.0.1:{port}", secrets.token_urlsafe())
    settings = {
        "AUTHSERVER__ISSUER__URL": issuer.url,
        "AUTHSERVER__DATABASE__URL": f"sqlite+aiosqlite:///{folder / 'authserver.db'}",
        "AUTHSERVER__KEYS__DIRECTORY": str(folder / "keys"),
    }
    add_user(settings, issuer.password)
    command = [*AUTHSERVER, "serve", "--port", str(port)]
    with Server("authserver", command, settings, port, "/jwks.json", folder):
        yield issuer


def add_user(settings: dict[str, str], password: str) -> None:
    account = ["--email", "benchmark@example.com", "--name", "Benchmark", "--role", "product-manager"]
    command = [*AUTHSERVER, "users", "add", USERNAME, *account, "--password-stdin"]
    environment = {**os.environ, **settings}
    done = subprocess.run(command, input=password, cwd=ROOT, env=environment, capture_output=True, text=True)
    if done.returncode != 0:
        raise SystemExit(f"authserver users add failed:\n{done.stderr}")
