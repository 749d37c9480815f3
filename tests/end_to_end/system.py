"""Run auth server and API as two real processes with their own data."""

import contextlib
import os
import random
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import httpx

ROOT = Path(__file__).resolve().parents[2]
START_TIMEOUT = 30.0
STOP_TIMEOUT = 15.0
PASSWORD = "correct horse battery"
USERS = {"viewer": "viewer", "manager": "product-manager", "admin": "admin"}


def free_port() -> int:
    """Return a free port below the range of outgoing connections, so that none of them can take it."""
    while True:
        port = random.randrange(10_000, 30_000)
        with socket.socket() as probe, contextlib.suppress(OSError):
            probe.bind(("127.0.0.1", port))
            return port


@dataclass
class System:
    folder: Path
    database_url: str
    auth_port: int = field(default_factory=free_port)
    api_port: int = field(default_factory=free_port)
    settings: Mapping[str, str] = field(default_factory=dict)
    """Environment variables that override those of ``environment``."""

    @property
    def issuer(self) -> str:
        return f"http://127.0.0.1:{self.auth_port}"

    @property
    def api(self) -> str:
        return f"http://127.0.0.1:{self.api_port}"

    @property
    def environment(self) -> Mapping[str, str]:
        return {
            **os.environ,
            "AUTHSERVER__DATABASE__URL": f"sqlite+aiosqlite:///{self.folder}/authserver.db",
            "AUTHSERVER__KEYS__DIRECTORY": str(self.folder / "keys"),
            "AUTHSERVER__KEYS__PUBLISH_BEFORE_USE": "1",
            "AUTHSERVER__ISSUER__URL": self.issuer,
            "AUTHSERVER__WEB__CORS_ORIGINS": f'["{self.api}"]',
            "AUTH_CLIENT__ISSUER": self.issuer,
            "AUTH__JWKS_REFRESH_PAUSE": "1",
            "DATABASE__URL": self.database_url,
            **self.settings,
        }

    @contextmanager
    def auth_server(self) -> Iterator[subprocess.Popen[bytes]]:
        with self.running("authserver.cli", self.auth_port, f"{self.issuer}/health") as process:
            yield process

    @contextmanager
    def products_api(self, health: str = "/api/v1/health/ready") -> Iterator[subprocess.Popen[bytes]]:
        with self.running("myapp.cli", self.api_port, self.api + health) as process:
            yield process

    @contextmanager
    def running(self, module: str, port: int, health: str) -> Iterator[subprocess.Popen[bytes]]:
        with (self.folder / f"{module}.log").open("ab") as log:
            process = subprocess.Popen(
                [sys.executable, "-m", module, "serve", "--port", str(port)],
                cwd=ROOT,
                env=self.environment,
                stdout=log,
                stderr=log,
            )
        try:
            wait_until_healthy(health, process)
            yield process
        finally:
            process.send_signal(signal.SIGTERM)
            process.wait(STOP_TIMEOUT)

    def command(self, *arguments: str, standard_input: str = "") -> str:
        """Run ``authserver ARGUMENTS`` and return its output."""
        return subprocess.run(
            [sys.executable, "-m", "authserver.cli", *arguments],
            cwd=ROOT,
            env=self.environment,
            input=standard_input,
            text=True,
            capture_output=True,
            check=True,
        ).stdout

    def add_users(self) -> None:
        for name, role in USERS.items():
            account = ["--email", f"{name}@example.com", "--name", name, "--role", role]
            self.command("users", "add", name, *account, "--password-stdin", standard_input=PASSWORD)

    def login(self, name: str, password: str = PASSWORD) -> str:
        answer = httpx.post(f"{self.issuer}/login", json={"username": name, "password": password}, trust_env=False)
        token: str = answer.raise_for_status().json()["access_token"]
        return token

    def client(self, name: str) -> httpx.Client:
        headers = {"Authorization": f"Bearer {self.login(name)}"}
        return httpx.Client(base_url=self.api, headers=headers, trust_env=False)


def wait_until_healthy(url: str, process: subprocess.Popen[bytes]) -> None:
    deadline = time.monotonic() + START_TIMEOUT
    while time.monotonic() < deadline and process.poll() is None:
        try:
            if httpx.get(url, trust_env=False, timeout=2).is_success:
                return
        except httpx.HTTPError:
            pass
        time.sleep(0.05)
    raise AssertionError(f"nothing healthy at {url}; exit code {process.poll()}")
