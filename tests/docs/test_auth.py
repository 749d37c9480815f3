"""docs/auth.md: its settings accept tokens of the providers' form, its table is the configuration, its commands run."""

import os
import re
import shlex
import subprocess
import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pytest
from fastapi import FastAPI
from pico_ioc import PicoContainer

from authserver.login.controllers import TOKEN_ERRORS
from authserver.users.services import UserService
from myapp.boot import ROOT
from myapp.platform.auth.settings import AuthSettings

from ..authserver.conftest import build as auth_server
from ..conftest import client_of
from ..databases import Databases
from ..issuer import KEYS, Issuer
from ..platform.web.problems import assert_problem
from .examples import Reader, examples
from .pages import text_of
from .providers import PROVIDERS

TEXT = text_of("docs/auth.md")
SETTINGS = {
    name: dict(line.split("=", 1) for line in shlex.split(block, comments=True))
    for name, block in re.findall(r"<!-- issuer: (\w+) -->\n```sh\n(.*?)```", TEXT, re.DOTALL)
}


@pytest.mark.parametrize("name", PROVIDERS)
async def test_settings_of_a_provider(
    start: Callable[..., PicoContainer], databases: Databases, own_issuer: Issuer, name: str
) -> None:
    """A manager's access tokens change products, and nobody else's tokens do. The issuer is the documented one."""
    provider, settings = PROVIDERS[name], SETTINGS[name]
    own_issuer.published = [provider.published(jwk) for jwk in own_issuer.published] + list(provider.other_keys)
    keys = {"AUTH_CLIENT__JWKS_ENDPOINT": own_issuer.url + KEYS}
    app = start({"DATABASE__URL": databases.migrated("sqlite"), **settings, **keys}).get(FastAPI)
    new = {"name": "Lamp", "price": 9.5}

    def token(claims: Mapping[str, Any]) -> str:
        documented = {"iss": settings["AUTH_CLIENT__ISSUER"], **claims}
        return own_issuer.token(headers=provider.header, without=() if "aud" in claims else ("aud",), **documented)

    for claims in provider.managers:
        async with client_of(app, token(claims)) as client:
            created = await client.post("/api/v1/products/", json=new)
            assert created.status_code == 201, created.text
            assert_problem(await client.delete("/api/v1/products/1"), 403, "insufficient_scope")
    for claims in provider.viewers:
        async with client_of(app, token(claims)) as client:
            assert (await client.get("/api/v1/products/1")).status_code == 200
            assert_problem(await client.post("/api/v1/products/", json=new), 403, "insufficient_scope")
    for claims in provider.refused:
        async with client_of(app, token(claims)) as client:
            assert_problem(await client.get("/api/v1/products/1"), 401, "invalid_token")


def test_every_provider_is_tried() -> None:
    assert set(SETTINGS) == set(PROVIDERS)


def test_permissions_are_those_of_the_configuration(container: PicoContainer) -> None:
    header, _, *rows = TEXT.partition("<!-- permissions -->\n")[2].partition("\n\n")[0].splitlines()
    roles = re.findall(r"`([\w-]+)`", header)
    told: dict[str, set[str]] = {role: set() for role in roles}
    for row in rows:
        permission, _, *cells = [cell.strip() for cell in row.strip("|").split("|")]
        for role, cell in zip(roles, cells, strict=True):
            assert cell in ("yes", "")
            if cell:
                told[role].add(permission.strip("`"))
    configured = container.get(AuthSettings).permissions
    assert told == {role: set(permissions) for role, permissions in configured.items()}


def test_refusals_are_those_of_the_code() -> None:
    """The table has every detail of the validator, and no detail that the code does not have."""
    validator = text_of("myapp/platform/auth/tokens.py") + text_of("myapp/platform/auth/checks.py")
    listed = {row.split("|")[1].strip() for row in table("refusals")}
    details = set(re.findall(r'"(The token[^"]*\.)"', validator))
    assert len(details) >= 8
    assert details - listed == set()
    source = validator + text_of("myapp/platform/auth/middleware.py")
    assert [detail for detail in listed if f'"{detail}"' not in source] == []


def test_token_errors_are_those_of_the_endpoint() -> None:
    listed = {tuple(cell.strip(" `") for cell in row.split("|")[1:3]) for row in table("token errors")}
    assert listed == {
        (error, str(status))
        for status, response in TOKEN_ERRORS.items()
        for error in re.findall(r"`(\w+)`", response["description"])
    }


async def test_login_example(databases: Databases, tmp_path: Path) -> None:
    server = auth_server(
        {
            "AUTHSERVER__DATABASE__URL": databases.empty("sqlite"),
            "AUTHSERVER__KEYS__DIRECTORY": str(tmp_path / "keys"),
        }
    )
    [example] = examples(ROOT / "docs/auth.md", "login example")
    user = {"username": "ada", "email": "ada@example.com", "name": "Ada", "roles": ["admin"]}
    try:
        await server.get(UserService).create(user | {"password": "correct-horse-battery"})
        async with client_of(server.get(FastAPI)) as client:
            reader = Reader(client, {})
            reader.compare(example, await reader.send(example))
    finally:
        await server.ashutdown()


def test_production_settings_agree() -> None:
    [block] = re.findall(r"<!-- production -->\n```sh\n(.*?)```", TEXT, re.DOTALL)
    settings = dict(line.split("=", 1) for line in shlex.split(block, comments=True))
    issuer = settings["AUTHSERVER__ISSUER__URL"]
    assert issuer == settings["AUTH_CLIENT__ISSUER"]
    assert issuer.endswith(settings["AUTHSERVER__WEB__ROOT_PATH"])


def table(mark: str) -> list[str]:
    """Return the rows of the table after ``<!-- mark -->``."""
    return TEXT.partition(f"<!-- {mark} -->\n")[2].partition("\n\n")[0].splitlines()[2:]


@pytest.mark.slow
def test_commands_run(tmp_path: Path) -> None:
    """Those of the auth server, in the order of the page."""
    (tmp_path / "keys").mkdir(0o700)  # as the first start of the server does
    [commands] = re.findall(r"<!-- runs -->\n```sh\n(.*?)```", TEXT, re.DOTALL)
    environment = os.environ | {
        "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}",
        "AUTHSERVER__DATABASE__URL": f"sqlite+aiosqlite:///{tmp_path}/authserver.db",
        "AUTHSERVER__KEYS__DIRECTORY": str(tmp_path / "keys"),
    }
    done = subprocess.run(
        ["bash", "-euo", "pipefail", "-c", commands], cwd=ROOT, env=environment, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr
    assert "ada\tactive\tproduct-manager\tada@example.com\tAda Lovelace\n" in done.stdout
