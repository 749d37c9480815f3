"""API processes do not import packages that only migrations, reports, mails and workers need."""

import json
import subprocess
import sys

import pytest

from myapp.boot import ROOT

from ..issuer import Issuer
from ..processes import clean_environment

pytestmark = pytest.mark.slow

SCRIPT = """
import asyncio, json, os, sys
import httpx, uvicorn
from fastapi import FastAPI
from myapp.boot import create_container

HEAVY = set("aiosmtplib alembic amqp billiard celery kombu obstore pico_celery reportlab worker".split())

async def main():
    server = uvicorn.Server(uvicorn.Config(app, port=0, log_config=None))
    serving = asyncio.create_task(server.serve())
    while not server.started:
        await asyncio.sleep(0.01)
    port = server.servers[0].sockets[0].getsockname()[1]
    headers = {"Authorization": "Bearer " + os.environ["TOKEN"]}
    async with httpx.AsyncClient(base_url=f"http://127.0.0.1:{port}", headers=headers, trust_env=False) as client:
        answers = [
            await client.get("/api/v1/health/ready"),
            await client.post("/api/v1/products/", json={"name": "Lamp", "price": 9.5, "stock": 10}),
            await client.get("/api/v1/products/search?q=lamp"),
            await client.get("/api/v1/reports/"),
            await client.get("/openapi.json"),
        ]
        await asyncio.sleep(1)  # the relay has polled
    server.should_exit = True
    await serving
    print(json.dumps([[answer.status_code for answer in answers], sorted(HEAVY & set(sys.modules))]))

app = create_container().get(FastAPI)
asyncio.run(main())
"""


@pytest.mark.parametrize("database_kind", ["sqlite"], scope="session")
def test_an_api_that_makes_no_report(database_url: str, issuer: Issuer, folders: dict[str, str]) -> None:
    settings = {"DATABASE__URL": database_url, "AUTH_CLIENT__ISSUER": issuer.url, **folders}
    ran = subprocess.run(
        [sys.executable, "-c", SCRIPT],
        cwd=ROOT,
        env=clean_environment() | settings | {"TOKEN": issuer.token("product-manager")},
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert ran.returncode == 0, ran.stderr
    assert json.loads(ran.stdout) == [[200, 201, 200, 200, 200], []]
