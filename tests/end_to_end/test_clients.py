"""Clients that others generate from the OpenAPI documents work: the whole round trip, files included."""

import os
import shutil
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

import httpx
import pytest

from .system import PASSWORD, System

pytestmark = [pytest.mark.slow, pytest.mark.parametrize("database_kind", ["sqlite"], scope="session")]

PROGRAMS = Path(__file__).with_name("clients")
GENERATOR = "openapi-python-client==0.29.1"
"""It needs an older typer than this project, so it has an environment of its own."""


def run(*command: str | Path, cwd: Path, seconds: float = 300) -> subprocess.CompletedProcess[str]:
    environment = {name: value for name, value in os.environ.items() if not name.lower().endswith("_proxy")}
    environment["PATH"] = f"{Path(command[0]).parent}{os.pathsep}{os.environ['PATH']}"  # the generator calls ruff
    options = {"cwd": cwd, "env": environment, "capture_output": True, "text": True, "timeout": seconds}
    return subprocess.run([str(part) for part in command], check=False, **options)


def install(*command: str | Path, cwd: Path) -> None:
    """Run a package manager. Skip the test if it cannot install."""
    done = subprocess.run([str(part) for part in command], check=False, cwd=cwd, capture_output=True, text=True)
    if done.returncode:
        pytest.skip(f"{command[0]} cannot install: {(done.stderr or done.stdout).strip().splitlines()[-1:]}")


def assert_done(done: subprocess.CompletedProcess[str]) -> None:
    assert (done.returncode, done.stdout) == (0, "done\n"), done.stdout + done.stderr


@pytest.fixture
def documents(system: System, tmp_path: Path) -> dict[str, Path]:
    """The documents as the processes serve them, in files."""
    found = {}
    for name, url in {"products_api": system.api, "auth_server": system.issuer}.items():
        found[name] = tmp_path / f"{name}.json"
        found[name].write_bytes(httpx.get(f"{url}/openapi.json", trust_env=False).content)
    return found


def arguments(system: System) -> Sequence[str]:
    return system.api, system.issuer, "boss", PASSWORD


@pytest.fixture
def boss(system: System) -> None:
    """A user who may do everything."""
    account = ["--email", "boss@example.com", "--name", "Boss", "--role", "product-manager", "--role", "admin"]
    if "boss" not in system.command("users", "list"):
        system.command("users", "add", "boss", *account, "--password-stdin", standard_input=PASSWORD)


def test_python(system: System, boss: None, documents: dict[str, Path], tmp_path: Path) -> None:
    install(sys.executable, "-m", "venv", tmp_path / "venv", cwd=tmp_path)
    programs = tmp_path / "venv" / ("Scripts" if sys.platform == "win32" else "bin")
    install(programs / "python", "-m", "pip", "install", "--quiet", GENERATOR, cwd=tmp_path)
    for name, document in documents.items():
        made = run(
            programs / "openapi-python-client",
            *("generate", "--path", document, "--output-path", tmp_path / name, "--meta", "none", "--fail-on-warning"),
            cwd=tmp_path,
        )
        assert made.returncode == 0, made.stdout + made.stderr
    shutil.copy(PROGRAMS / "round_trip.py", tmp_path)
    assert_done(run(programs / "python", "round_trip.py", *arguments(system), cwd=tmp_path))


@pytest.mark.skipif(shutil.which("npm") is None, reason="no npm on this machine")
def test_typescript(system: System, boss: None, documents: dict[str, Path], tmp_path: Path) -> None:
    for file in ("package.json", "round_trip.ts"):
        shutil.copy(PROGRAMS / file, tmp_path)
    install("npm", "install", "--silent", "--no-audit", "--no-fund", cwd=tmp_path)
    for name, document in documents.items():
        types = ("--enum-values", "--default-non-nullable", "false")
        made = run("npx", "openapi-typescript", document, "-o", f"{name}.ts", *types, cwd=tmp_path)
        assert made.returncode == 0, made.stdout + made.stderr
    options = ("--strict", "--target", "es2022", "--module", "nodenext", "--lib", "es2022,dom", "--skipLibCheck")
    compiled = run("npx", "tsc", *options, "round_trip.ts", cwd=tmp_path)
    assert compiled.returncode == 0, compiled.stdout + compiled.stderr
    assert_done(run("node", "round_trip.js", *arguments(system), cwd=tmp_path))
