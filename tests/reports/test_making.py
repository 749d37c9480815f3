"""Making a report: only once, with concurrent attempts and with faults."""

import asyncio
import uuid
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import httpx
import pytest
from pico_ioc import PicoContainer
from sqlalchemy import make_url

from myapp.platform.database.types import utc_now
from myapp.platform.errors import DatabaseUnavailableError, StartupError, StorageUnavailableError
from myapp.platform.storage.files import Storage
from myapp.platform.storage.settings import StorageSettings
from myapp.products.services import ProductService
from myapp.reports.kinds.inventory import InventoryReport
from myapp.reports.services import ReportService
from myapp.reports.states import ReportStates

from ..fixture_types import Ask, Events, Json, Make, Rewrite, StartContainer
from ..proxy import Proxy
from .conftest import ORDER, QUICK, REPORTS, STORAGE_DOWN, rewrite_in
from .gate import GatedStorage


def types(events: list[tuple[str, Json]]) -> list[str]:
    return [event_type for event_type, _ in events]


class TestDone:
    async def test_tells_what_there_is(self, manager: httpx.AsyncClient, make: Make, events: Events) -> None:
        report = await make(format="pdf")
        assert (report["state"], report["progress"], report["rows"], report["attempts"]) == ("done", 100, 1, 1)
        assert report["size"] > 10_000
        assert report["created_at"] <= report["started_at"] <= report["finished_at"]
        kept = datetime.fromisoformat(report["expires_at"]) - datetime.fromisoformat(report["finished_at"])
        assert kept == timedelta(days=7)
        owner = {"kind": "inventory", "format": "pdf", "owner": "product-manager-1"}
        finished = owner | {"email": None, "rows": 1, "size": report["size"]}
        assert await events(report) == [("report.requested", owner | {"inline": False}), ("report.finished", finished)]

    async def test_is_not_made_again(self, manager: httpx.AsyncClient, make: Make, reports: ReportService) -> None:
        report = await make()
        await reports.make(uuid.UUID(report["id"]))
        assert (await manager.get(REPORTS + report["id"])).json() == report

    @pytest.mark.parametrize("state", ["failed", "cancelled", "expired"])
    async def test_what_has_ended_is_not_begun_again(
        self, manager: httpx.AsyncClient, ask: Ask, reports: ReportService, rewrite: Rewrite, state: str
    ) -> None:
        report = await ask()
        await rewrite(report, state=state)
        await reports.make(uuid.UUID(report["id"]))
        assert (await manager.get(REPORTS + report["id"])).json()["state"] == state

    async def test_what_is_not_there_is_passed_over(self, reports: ReportService) -> None:
        await reports.make(uuid.uuid4())


class TestTwoMakers:
    async def test_one_wins(self, manager: httpx.AsyncClient, ask: Ask, reports: ReportService, events: Events) -> None:
        report = await ask()
        await asyncio.gather(*(reports.make(uuid.UUID(report["id"])) for _ in range(5)))
        done = (await manager.get(REPORTS + report["id"])).json()
        assert (done["state"], done["attempts"]) == ("done", 1)
        assert types(await events(report)) == ["report.requested", "report.finished"]

    async def test_who_has_lost_it_cannot_finish_it(
        self, start: StartContainer, database_url: str, tmp_path: Path
    ) -> None:
        """One process is paused for longer than its lease, and another one makes the report meanwhile."""
        storage = GatedStorage(Storage(StorageSettings(url=str(tmp_path))))
        slow = start({"DATABASE__URL": database_url, **QUICK, "REPORTS__HEARTBEAT": "2"}, {Storage: storage})
        other = start({"DATABASE__URL": database_url, "STORAGE__URL": str(tmp_path)})
        await slow.get(ProductService).create({"name": "Lamp", "price": 9.5})
        report = await slow.get(ReportService).request(ORDER)
        making = asyncio.create_task(slow.get(ReportService).make(report.id))
        await storage.reached.wait()
        await rewrite_in(slow, report.id, lease_until=utc_now())
        await other.get(ReportService).make(report.id)
        done = await slow.get(ReportStates).find(report.id)
        assert done
        assert (done.state, done.attempts) == ("done", 2)
        storage.gate.set()
        await making
        still = await slow.get(ReportStates).find(report.id)
        assert still
        assert (still.state, still.attempts, still.version) == ("done", 2, done.version)
        assert await other.get(ReportService).read_file(report.id, 10**6)

    async def test_who_is_alive_keeps_it(self, start: StartContainer, database_url: str, tmp_path: Path) -> None:
        """Each heartbeat renews the lease, however long the report takes."""
        storage = GatedStorage(Storage(StorageSettings(url=str(tmp_path))))
        lease = QUICK | {"REPORTS__LEASE": "0.2"}
        container = start({"DATABASE__URL": database_url, **lease}, {Storage: storage})
        service = container.get(ReportService)
        report = await service.request(ORDER)
        making = asyncio.create_task(service.make(report.id))
        await storage.reached.wait()
        await asyncio.sleep(0.5)
        await service.make(report.id)
        assert await container.get(ReportStates).requeue_abandoned(10) == []
        storage.gate.set()
        await making
        done = await service.get_by_id(report.id)
        assert (done.state, done.attempts) == ("done", 1)


class TestFaults:
    async def test_a_passing_one_is_tried_four_times(
        self, start: StartContainer, database_url: str, caplog: pytest.LogCaptureFixture
    ) -> None:
        service = start({"DATABASE__URL": database_url, **QUICK, **STORAGE_DOWN}).get(ReportService)
        report = await service.request(ORDER)
        for attempt in (1, 2, 3):
            with pytest.raises(StorageUnavailableError):
                await service.make(report.id)
            queued = await service.get_by_id(report.id)
            assert (queued.state, queued.attempts, queued.progress) == ("queued", attempt, 0)
        await service.make(report.id)
        failed = await service.get_by_id(report.id)
        assert (failed.state, failed.attempts) == ("failed", 4)
        assert failed.error == "The storage does not answer at the moment."
        assert failed.finished_at
        await service.make(report.id)
        assert (await service.get_by_id(report.id)).version == failed.version

    async def test_it_goes_on_when_the_fault_has_passed(
        self, start: StartContainer, database_url: str, tmp_path: Path
    ) -> None:
        service = start({"DATABASE__URL": database_url, **QUICK, **STORAGE_DOWN}).get(ReportService)
        report = await service.request(ORDER)
        with pytest.raises(StorageUnavailableError):
            await service.make(report.id)
        other = start({"DATABASE__URL": database_url, "STORAGE__URL": str(tmp_path)}).get(ReportService)
        await other.make(report.id)
        done = await service.get_by_id(report.id)
        assert (done.state, done.attempts, done.error) == ("done", 2, None)

    async def test_any_other_is_the_end_and_tells_nothing(
        self,
        manager: httpx.AsyncClient,
        container: PicoContainer,
        ask: Ask,
        reports: ReportService,
        events: Events,
        monkeypatch: pytest.MonkeyPatch,
    ) -> None:
        def fail(*_: Any) -> None:
            raise RuntimeError("s3cr3t")

        report = await ask()
        monkeypatch.setattr(InventoryReport, "content", fail)
        await reports.make(uuid.UUID(report["id"]))
        failed = (await manager.get(REPORTS + report["id"])).json()
        assert (failed["state"], failed["attempts"]) == ("failed", 1)
        assert "s3cr3t" not in str(failed)
        assert failed["error"]
        assert (await events(report))[-1] == (
            "report.failed",
            {
                "kind": "inventory",
                "format": "csv",
                "owner": "product-manager-1",
                "email": None,
                "reason": failed["error"],
            },
        )

    async def test_a_report_that_ends_its_process_each_time_fails(
        self, manager: httpx.AsyncClient, ask: Ask, reports: ReportService, rewrite: Rewrite, events: Events
    ) -> None:
        report = await ask()
        await rewrite(report, state="running", attempts=4, lease_until=utc_now())
        await reports.make(uuid.UUID(report["id"]))
        failed = (await manager.get(REPORTS + report["id"])).json()
        assert failed["state"] == "failed"
        assert "each attempt" in failed["error"]
        assert types(await events(report)) == ["report.requested", "report.failed"]

    async def test_a_database_that_breaks_off_is_passing(
        self, start: StartContainer, databases: Any, tmp_path: Path
    ) -> None:
        storage = GatedStorage(Storage(StorageSettings(url=str(tmp_path))))
        with Proxy(make_url(databases.migrated("postgresql"))) as proxy:
            container = start({"DATABASE__URL": proxy.url, **QUICK}, {Storage: storage})
            service = container.get(ReportService)
            report = await service.request(ORDER)
            making = asyncio.create_task(service.make(report.id))
            await storage.reached.wait()
            proxy.stop()
            storage.gate.set()
            with pytest.raises(DatabaseUnavailableError):
                await making
            proxy.start()
            await rewrite_in(container, report.id, lease_until=utc_now())
            await service.make(report.id)
            assert (await service.get_by_id(report.id)).state == "done"
            assert storage.uploads == 2


@pytest.mark.one_database
def test_a_lease_shorter_than_its_heartbeats_stops_the_start(start: StartContainer, database_url: str) -> None:
    with pytest.raises(StartupError, match=r"reports\.lease"):
        start({"DATABASE__URL": database_url, "REPORTS__LEASE": "1", "REPORTS__HEARTBEAT": "0.5"})
