"""Small reports: the process that took the request makes them after its response."""

import asyncio
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import httpx
import pytest
from fastapi import FastAPI

from myapp.boot import ROOT
from myapp.platform.storage.files import Storage
from myapp.platform.storage.settings import StorageSettings

from ..conftest import client_of, serving
from ..fixture_types import StartContainer
from ..issuer import Issuer
from .conftest import ORDER, REPORTS, STORAGE_DOWN
from .gate import GatedStorage


async def wait_until(client: httpx.AsyncClient, path: str, **members: Any) -> None:
    async with asyncio.timeout(5):
        while not members.items() <= (await client.get(path)).json().items():  # noqa: ASYNC110 - the state is in another process
            await asyncio.sleep(0.01)


class TestInline:
    async def test_is_answered_first_and_made_then(
        self, start: StartContainer, database_url: str, issuer: Issuer, tmp_path: Path, caplog: pytest.LogCaptureFixture
    ) -> None:
        """On a real server: neither the response nor the logged duration of the request includes the report."""
        storage = GatedStorage(Storage(StorageSettings(url=str(tmp_path))))
        app = start({"DATABASE__URL": database_url}, {Storage: storage}).get(FastAPI)
        headers = {"Authorization": f"Bearer {issuer.token('admin')}"}
        async with serving(app) as url, httpx.AsyncClient(base_url=url, headers=headers, trust_env=False) as client:
            began = time.perf_counter()
            response = await client.post(REPORTS, json=ORDER)
            waited = time.perf_counter() - began
            assert (response.status_code, response.json()["state"]) == (202, "queued")
            location = response.headers["location"]
            await storage.reached.wait()
            assert (await client.get(location)).json()["state"] == "running"
            storage.gate.set()
            await wait_until(client, location, state="done")
            assert (await client.get(location + "/file")).status_code == 200
        [logged] = [vars(record) for record in caplog.records if record.getMessage().startswith("POST ")]
        assert logged["duration_ms"] <= waited * 1000 + 1

    @pytest.mark.parametrize("format", ["pdf", "csv", "xlsx"])
    async def test_up_to_so_many_rows(
        self, start: StartContainer, database_url: str, issuer: Issuer, format: str
    ) -> None:
        app = start({"DATABASE__URL": database_url, "REPORTS__INLINE_ROWS": "2"}).get(FastAPI)
        async with client_of(app, issuer.token(roles=["product-manager", "admin"])) as client:
            states = []
            for number in range(4):
                report = (await client.post(REPORTS, json=ORDER | {"format": format})).json()
                states.append((await client.get(REPORTS + report["id"])).json()["state"])
                await client.post("/api/v1/products/", json={"name": f"Lamp {number}", "price": 1})
            assert states == ["done", "done", "done", "queued"]
            activity = (await client.post(REPORTS, json={"kind": "activity", "format": format})).json()
            assert (await client.get(REPORTS + activity["id"])).json()["state"] == "queued"

    async def test_a_fault_is_left_to_the_queue(self, start: StartContainer, database_url: str, issuer: Issuer) -> None:
        """The request is answered nevertheless."""
        container = start({"DATABASE__URL": database_url, **STORAGE_DOWN})
        async with client_of(container.get(FastAPI), issuer.token("admin")) as client:
            response = await client.post(REPORTS, json=ORDER)
            assert response.status_code == 202
            report = (await client.get(response.headers["location"])).json()
        assert (report["state"], report["attempts"]) == ("queued", 1)

    async def test_no_more_than_some_at_a_time(
        self, start: StartContainer, database_url: str, issuer: Issuer, tmp_path: Path
    ) -> None:
        storage = GatedStorage(Storage(StorageSettings(url=str(tmp_path))))
        app = start({"DATABASE__URL": database_url, "REPORTS__INLINE_AT_ONCE": "2"}, {Storage: storage}).get(FastAPI)
        async with client_of(app, issuer.token("admin")) as client:
            asking = [asyncio.create_task(client.post(REPORTS, json=ORDER)) for _ in range(5)]
            await wait_until(client, f"{REPORTS}?state=running", total=2)
            await wait_until(client, REPORTS, total=5)
            assert (await client.get(REPORTS, params={"state": "running"})).json()["total"] == 2
            storage.gate.set()
            await asyncio.gather(*asking)
            assert (await client.get(REPORTS, params={"state": "done"})).json()["total"] == 5


SCRIPT = """
import sys
import time
from myapp.boot import create_container
from fastapi import FastAPI
create_container().get(FastAPI)
print([name for name in ("reportlab", "obstore", "celery", "kombu", "aiosmtplib") if name in sys.modules])
"""


@pytest.mark.slow
def test_a_process_that_makes_no_report_loads_nothing_for_it(tmp_path: Path) -> None:
    url = f"sqlite+aiosqlite:///{tmp_path}/products.db"
    run = subprocess.run(
        [sys.executable, "-c", SCRIPT],
        cwd=ROOT,
        env={"DATABASE__URL": url, "PATH": ""},
        capture_output=True,
        text=True,
        timeout=30,
        check=True,
    )
    assert run.stdout.splitlines()[-1] == "[]"
