"""The compared services, the Products API first: one worker each, on the same database."""

import os
import subprocess
import sys
from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path

from benchmarks.servers import ROOT, Server, free_port

OURS = "ours"
HEALTH = "/api/v1/health"
AUDIENCE = "products-api"
PRODUCTS_API = [sys.executable, "-m", "myapp.cli"]


def environment(database_url: str, issuer: str) -> dict[str, str]:
    return {"DATABASE__URL": database_url, "AUTH_CLIENT__ISSUER": issuer, "AUTH_CLIENT__AUDIENCE": AUDIENCE}


def migrate(settings: Mapping[str, str]) -> None:
    environment = {**os.environ, **settings}
    done = subprocess.run([*PRODUCTS_API, "migrate"], cwd=ROOT, env=environment, capture_output=True, text=True)
    if done.returncode != 0:
        raise SystemExit(f"products-api migrate failed:\n{done.stderr}")


def products_api(settings: Mapping[str, str], folder: Path) -> Server:
    port = free_port()
    return Server(OURS, [*PRODUCTS_API, "serve", "--port", str(port)], settings, port, HEALTH, folder)


def uvicorn(name: str, app: str, settings: Mapping[str, str], folder: Path) -> Server:
    """Return a plain FastAPI service, with the same uvicorn settings as ``products-api serve``."""
    port = free_port()
    command = [sys.executable, "-m", "uvicorn", app, "--port", str(port), "--loop", "uvloop", "--http", "httptools"]
    command += ["--no-access-log", "--no-proxy-headers", "--no-server-header"]
    return Server(name, command, settings, port, HEALTH, folder)


ALL: list[Callable[[Mapping[str, str], Path], Server]] = [
    products_api,
    partial(uvicorn, "peer", "benchmarks.peer.app:app"),
    partial(uvicorn, "lean", "benchmarks.lean.app:app"),
    partial(uvicorn, "fast", "benchmarks.lean.fast:app"),
]
