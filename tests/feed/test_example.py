"""``examples/keep_a_copy.py`` has the catalogue at the end, whoever writes and however often it is killed."""

import asyncio
import json
import random
import sqlite3
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import httpx
import pytest
from pico_ioc import PicoContainer
from pico_sqlalchemy import SessionManager
from sqlalchemy import text

from myapp.boot import ROOT
from myapp.products.services import ProductService

from ..fixture_types import StartContainer
from ..issuer import Issuer
from ..processes import Process, serving
from .reader import PATIENCE

pytestmark = [pytest.mark.slow, pytest.mark.usefixtures("without_coverage")]

SCRIPT = ROOT / "examples" / "keep_a_copy.py"
FIELDS = ("name", "description", "price", "stock", "active")

Products = dict[int, dict[str, Any]]


@pytest.fixture
def environment(database_url: str, issuer: Issuer, folders: dict[str, str]) -> dict[str, str]:
    return folders | {"DATABASE__URL": database_url, "AUTH_CLIENT__ISSUER": issuer.url}


def copied(file: Path) -> Products:
    with sqlite3.connect(file) as database:
        rows = database.execute("SELECT id, fields FROM products ORDER BY id").fetchall()
    database.close()
    return {id: json.loads(fields) for id, fields in rows}


async def catalogue(container: PicoContainer) -> Products:
    products = await container.get(ProductService).list_active(limit=10_000, include_inactive=True)
    return {
        each.id: {name: float(each.price) if name == "price" else getattr(each, name) for name in FIELDS}
        for each in products
    }


async def write(client: httpx.AsyncClient, number: int) -> None:
    """Create, change, deactivate and delete products."""
    chance = random.Random(number)
    ids: list[int] = []
    for step in range(30):
        created = await client.post("products/", json={"name": f"Lamp {number}-{step}", "price": 9.5, "stock": 5})
        ids.append(created.json()["id"])
        path = f"products/{chance.choice(ids)}"
        match chance.randrange(5):
            case 0 if len(ids) > 1:
                assert (await client.delete(path)).status_code == 204
                ids.remove(int(path.partition("/")[2]))
            case 1:
                await client.patch(f"{path}/deactivate")
            case _:
                changes = {"stock": chance.randrange(100), "description": f"step {step}", "active": True}
                await client.put(path, json=changes)


async def test_it_has_every_change(
    start: StartContainer, environment: Mapping[str, str], issuer: Issuer, tmp_path: Path
) -> None:
    container = start({**environment, "EVENTS__RELAY": "false"})
    for number in range(20):
        await container.get(ProductService).create({"name": f"Old lamp {number}", "price": 1})
    token, file = issuer.token(roles=["admin", "product-manager"]), tmp_path / "copy.db"
    with serving(environment, tmp_path / "server") as server:
        command = [sys.executable, str(SCRIPT), server.url, str(file)]
        headers = {"Authorization": f"Bearer {token}"}
        async with httpx.AsyncClient(
            base_url=f"{server.url}/api/v1/", headers=headers, timeout=60, trust_env=False
        ) as client:
            writing = asyncio.gather(*(write(client, number) for number in range(4)))
            runs = 0
            while not writing.done():
                script = Process(command, {"TOKEN": token}, tmp_path / f"script{runs}")
                await asyncio.wait([writing], timeout=2)
                assert script.running, script.output
                script.kill()
                runs += 1
            await writing
        expected = await catalogue(container)
        async with asyncio.timeout(PATIENCE):
            while copied(file) != expected:
                await asyncio.to_thread(run_once, command, token)
        await lose_the_events(container)
        await container.get(ProductService).create({"name": "After the restore", "price": 1})
        async with asyncio.timeout(PATIENCE):
            while copied(file) != await catalogue(container):
                await asyncio.to_thread(run_once, command, token)


def run_once(command: list[str], token: str) -> None:
    environment = {"TOKEN": token, "NO_PROXY": "*"}
    done = subprocess.run([*command, "--once"], env=environment, capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stdout + done.stderr


async def lose_the_events(container: PicoContainer) -> None:
    """Make all cursors invalid, as a restore of an older backup does."""
    async with container.get(SessionManager).engine.begin() as connection:
        await connection.execute(text("DELETE FROM event_deliveries"))
        await connection.execute(text("DELETE FROM events"))


def test_a_refusal_ends_it_with_the_reason(environment: Mapping[str, str], issuer: Issuer, tmp_path: Path) -> None:
    with serving(environment, tmp_path / "server") as server:
        command = [sys.executable, str(SCRIPT), server.url, str(tmp_path / "copy.db"), "--once"]
        done = subprocess.run(
            command, env={"TOKEN": issuer.token("viewer"), "NO_PROXY": "*"}, capture_output=True, text=True
        )
    assert done.returncode == 1
    assert "insufficient_scope" in done.stderr
