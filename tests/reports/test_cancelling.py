"""Cancelling a report."""

import asyncio
import uuid
from pathlib import Path

import httpx
import pytest
from fastapi import FastAPI

from myapp.platform.storage.files import Storage
from myapp.platform.storage.settings import StorageSettings
from myapp.reports.services import ReportService

from ..conftest import client_of
from ..fixture_types import Ask, Events, Fill, HasFile, Rewrite, StartContainer
from ..issuer import Issuer
from ..platform.web.problems import assert_problem
from .conftest import QUICK, REPORTS, is_stored
from .gate import GatedStorage

pytestmark = pytest.mark.slow


class TestCancel:
    @pytest.mark.one_database
    async def test_refuses_an_anonymous_caller(self, anonymous: httpx.AsyncClient, ask: Ask) -> None:
        assert_problem(await anonymous.post(f"{REPORTS}{(await ask())['id']}/cancel"), 401, "missing_token")

    @pytest.mark.one_database
    async def test_refuses_who_may_not_ask(self, app: FastAPI, issuer: Issuer, ask: Ask) -> None:
        """The permission to see all reports does not include cancelling them."""
        report = await ask()
        async with client_of(app, issuer.token(permissions=["reports:read"])) as client:
            assert_problem(await client.post(f"{REPORTS}{report['id']}/cancel"), 403, "insufficient_scope")

    async def test_stops_what_has_not_begun(
        self, manager: httpx.AsyncClient, ask: Ask, reports: ReportService, has_file: HasFile
    ) -> None:
        report = await ask()
        response = await manager.post(f"{REPORTS}{report['id']}/cancel")
        cancelled = response.json()
        assert (response.status_code, response.headers["etag"]) == (200, '"2"')
        assert cancelled["state"] == "cancelled"
        assert cancelled["finished_at"] is not None
        await reports.make(uuid.UUID(report["id"]))
        assert (await manager.get(REPORTS + report["id"])).json() == cancelled
        assert not await has_file(report)

    async def test_twice_is_once(self, manager: httpx.AsyncClient, ask: Ask) -> None:
        path = f"{REPORTS}{(await ask())['id']}/cancel"
        first, second = await manager.post(path), await manager.post(path)
        assert (first.status_code, first.json()) == (second.status_code, second.json())

    async def test_anothers_is_not_there(
        self, manager: httpx.AsyncClient, stranger: httpx.AsyncClient, admin: httpx.AsyncClient, ask: Ask
    ) -> None:
        report = await ask()
        path = f"{REPORTS}{report['id']}/cancel"
        assert_problem(await stranger.post(path), 404, "not_found")
        assert_problem(await stranger.post(f"{REPORTS}{uuid.uuid4()}/cancel"), 404, "not_found")
        assert (await manager.get(REPORTS + report["id"])).json() == report
        assert (await admin.post(path)).json()["state"] == "cancelled"

    @pytest.mark.parametrize("state", ["done", "failed", "expired"])
    async def test_what_is_finished_is_a_conflict(
        self, manager: httpx.AsyncClient, ask: Ask, rewrite: Rewrite, state: str
    ) -> None:
        report = await ask()
        await rewrite(report, state=state)
        problem = assert_problem(await manager.post(f"{REPORTS}{report['id']}/cancel"), 409, "conflict")
        assert state in problem["detail"]
        assert (await manager.get(REPORTS + report["id"])).json()["state"] == state


class TestWhileItIsMade:
    @pytest.mark.parametrize("passed", [0, 50], ids=["reading", "writing"])
    async def test_stops_in_the_middle_of_its_rows(
        self,
        manager: httpx.AsyncClient,
        reports: ReportService,
        ask: Ask,
        fill: Fill,
        has_file: HasFile,
        passed: int,
    ) -> None:
        await fill(3000)
        report = await ask(format="pdf")
        making = asyncio.create_task(reports.make(uuid.UUID(report["id"])))
        progress = 0
        while progress <= passed:
            current = (await manager.get(REPORTS + report["id"])).json()
            progress = current["progress"]
        assert (current["state"], current["attempts"]) == ("running", 1)
        assert current["rows"] > 0
        assert progress < 100
        cancelled = (await manager.post(f"{REPORTS}{report['id']}/cancel")).json()
        assert cancelled["state"] == "cancelled"
        await making
        assert (await manager.get(REPORTS + report["id"])).json() == cancelled
        assert not await has_file(report)

    async def test_leaves_no_file_that_was_being_kept(
        self,
        start: StartContainer,
        database_url: str,
        issuer: Issuer,
        tmp_path: Path,
        events: Events,
    ) -> None:
        storage = GatedStorage(Storage(StorageSettings(url=str(tmp_path))))
        container = start({"DATABASE__URL": database_url, **QUICK}, {Storage: storage})
        async with client_of(container.get(FastAPI), issuer.token("admin")) as client:
            storage.gate.set()
            report = (await client.post(REPORTS, json={"kind": "activity", "format": "csv"})).json()
            assert (await client.get(REPORTS + report["id"])).json()["state"] == "done"
            storage.gate.clear()
            storage.reached.clear()
            asking = asyncio.create_task(client.post(REPORTS, json={"kind": "activity", "format": "csv"}))
            await storage.reached.wait()
            report = (await client.get(REPORTS)).json()["items"][0]
            assert report["state"] == "running"
            assert (await client.post(f"{REPORTS}{report['id']}/cancel")).status_code == 200
            storage.gate.set()
            await asking
            assert storage.uploads == 2
            assert (await client.get(REPORTS + report["id"])).json()["state"] == "cancelled"
            assert not await is_stored(container, report)
