"""Sweeps: reports that a crash has left behind, and expired files."""

import asyncio
import re
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path

import httpx
import pytest
from kombu import Connection
from pico_ioc import PicoContainer

from myapp.platform.database.types import utc_now
from myapp.platform.errors import BrokerUnavailableError, StorageUnavailableError
from myapp.platform.outbox.relay import EventRelay
from myapp.products.services import ProductService
from myapp.reports.services import ReportService
from myapp.reports.settings import ReportsSettings
from myapp.reports.states import ReportStates
from myapp.reports.sweeps import ExpirySweep, LeftBehindSweep, UnclearedSweep, WaitingSweep

from ..databases import free_port
from ..fixture_types import Ask, HasFile, Make, Rewrite, StartContainer
from .conftest import ORDER, QUICK, REPORTS, STORAGE_DOWN, rewrite_in

REQUEST_IDS: dict[str, str] = {}
"""The request id of each report that ``drain_queue`` has found."""


def drain_queue(broker: str) -> list[str]:
    """Empty the queue and return the ids of its reports."""
    found = []
    with Connection(f"sqla+sqlite:///{broker}") as connection, connection.SimpleQueue("reports") as queue:
        while True:
            try:
                message = queue.get(block=False)
            except queue.Empty:
                return found
            found.append(message.payload[0][0])
            REQUEST_IDS[message.payload[0][0]] = message.headers["request_id"]
            message.ack()


@pytest.fixture
def queued(folders: dict[str, str]) -> Callable[[], list[str]]:
    return lambda: drain_queue(folders["CELERY__BROKER_URL"])


class TestLargeReports:
    async def test_go_to_the_queue(self, container: PicoContainer, ask: Ask, queued: Callable[[], list[str]]) -> None:
        report = await ask()
        queued()
        await container.get(EventRelay).deliver_due()
        assert queued() == [report["id"]]

    async def test_small_ones_do_not(
        self, container: PicoContainer, manager: httpx.AsyncClient, queued: Callable[[], list[str]]
    ) -> None:
        queued()
        await manager.post(REPORTS, json=ORDER)
        await container.get(EventRelay).deliver_due()
        assert queued() == []


class TestWaiting:
    @pytest.fixture
    def sweep(self, container: PicoContainer) -> WaitingSweep:
        return WaitingSweep(container.get(ReportStates), ReportsSettings())

    async def test_warns_of_the_oldest_once_a_minute(
        self, sweep: WaitingSweep, ask: Ask, rewrite: Rewrite, caplog: pytest.LogCaptureFixture
    ) -> None:
        for seconds in (10, 90, 200):
            await rewrite(await ask(), updated_at=utc_now() - timedelta(seconds=seconds))
        for _ in range(3):
            await sweep.sweep()
        [line] = [record for record in caplog.records if record.name == "myapp.reports.sweeps"]
        assert line.levelname == "WARNING"
        assert re.fullmatch(r"reports that wait to be made: 2, the oldest for 20\d seconds", line.getMessage())

    async def test_is_silent_about_those_that_wait_briefly_or_not_at_all(
        self, sweep: WaitingSweep, ask: Ask, make: Make, rewrite: Rewrite, caplog: pytest.LogCaptureFixture
    ) -> None:
        long_ago = utc_now() - timedelta(hours=1)
        await rewrite(await make(), updated_at=long_ago)
        await rewrite(await ask(), state="running", updated_at=long_ago)
        await rewrite(await ask(), updated_at=utc_now() - timedelta(seconds=50))
        await sweep.sweep()
        assert "wait to be made" not in caplog.text

    async def test_is_as_patient_as_requeue_after(
        self, container: PicoContainer, ask: Ask, rewrite: Rewrite, caplog: pytest.LogCaptureFixture
    ) -> None:
        await rewrite(await ask(), updated_at=utc_now() - timedelta(seconds=50))
        await WaitingSweep(container.get(ReportStates), ReportsSettings(requeue_after=40)).sweep()
        assert "wait to be made: 1, the oldest for 5" in caplog.text


class TestLeftBehind:
    async def test_belongs_to_its_request_still(
        self, container: PicoContainer, manager: httpx.AsyncClient, rewrite: Rewrite, queued: Callable[[], list[str]]
    ) -> None:
        await manager.post("/api/v1/products/", json={"name": "Lamp", "price": 9.5})
        report = (await manager.post(REPORTS, json=ORDER, headers={"X-Request-ID": "the-request"})).json()
        await rewrite(report, lease_until=utc_now())
        queued()
        await container.get(LeftBehindSweep).sweep()
        assert queued() == [report["id"]]
        assert REQUEST_IDS[report["id"]] == "the-request"

    @pytest.mark.parametrize("state", ["queued", "running"])
    async def test_is_queued_again(
        self,
        container: PicoContainer,
        manager: httpx.AsyncClient,
        ask: Ask,
        rewrite: Rewrite,
        queued: Callable[[], list[str]],
        state: str,
    ) -> None:
        report = await ask()
        queued()
        await rewrite(report, state=state, attempts=1, lease_until=utc_now())
        await container.get(LeftBehindSweep).sweep()
        assert queued() == [report["id"]]
        assert (await manager.get(REPORTS + report["id"])).json()["state"] == "queued"
        await container.get(LeftBehindSweep).sweep()
        assert queued() == []

    async def test_by_one_of_many_sweeps(
        self, container: PicoContainer, ask: Ask, rewrite: Rewrite, queued: Callable[[], list[str]]
    ) -> None:
        reports = [await ask() for _ in range(5)]
        queued()
        for report in reports:
            await rewrite(report, lease_until=utc_now())
        await asyncio.gather(*(container.get(LeftBehindSweep).sweep() for _ in range(4)))
        assert sorted(queued()) == sorted(report["id"] for report in reports)

    async def test_what_somebody_sees_to_is_not(
        self,
        container: PicoContainer,
        ask: Ask,
        make: Make,
        rewrite: Rewrite,
        queued: Callable[[], list[str]],
    ) -> None:
        await make()
        running = await ask()
        await rewrite(running, state="running")
        for state in ("failed", "cancelled", "expired", "done"):
            await rewrite(await ask(), state=state, lease_until=utc_now())
        queued()
        await container.get(LeftBehindSweep).sweep()
        assert queued() == []

    async def test_waits_for_a_broker_that_is_down(self, start: StartContainer, database_url: str) -> None:
        broker = {"CELERY__BROKER_URL": f"amqp://127.0.0.1:{free_port()}", "REPORTS__RETRY_PAUSE": "0.01"}
        container = start({"DATABASE__URL": database_url, **QUICK, **broker})
        await container.get(ProductService).create({"name": "Lamp", "price": 9.5})
        report = await container.get(ReportService).request(ORDER)
        await rewrite_in(container, report.id, lease_until=utc_now())
        for _ in range(2):
            with pytest.raises(BrokerUnavailableError):
                await container.get(LeftBehindSweep).sweep()
            await asyncio.sleep(0.02)
        assert (await container.get(ReportService).get_by_id(report.id)).state == "queued"


class TestUncleared:
    @pytest.mark.parametrize("state", ["failed", "cancelled"])
    async def test_files_are_deleted(
        self, container: PicoContainer, make: Make, rewrite: Rewrite, has_file: HasFile, state: str
    ) -> None:
        """The file of an attempt that ended after the upload, before the upload was recorded."""
        report = await make()
        await rewrite(report, state=state, lease_until=utc_now())
        await container.get(UnclearedSweep).sweep()
        assert not await has_file(report)
        assert await container.get(ReportStates).find_uncleared(10) == []

    async def test_files_of_use_stay(
        self, container: PicoContainer, make: Make, rewrite: Rewrite, has_file: HasFile
    ) -> None:
        report = await make()
        await container.get(UnclearedSweep).sweep()
        assert await has_file(report)

    async def test_a_cancelled_retry_leaves_nothing(
        self, container: PicoContainer, manager: httpx.AsyncClient, make: Make, rewrite: Rewrite, has_file: HasFile
    ) -> None:
        report = await make()
        await rewrite(report, state="queued", attempts=1)
        assert (await manager.post(f"{REPORTS}{report['id']}/cancel")).status_code == 200
        await container.get(UnclearedSweep).sweep()
        assert not await has_file(report)


class TestExpiry:
    async def test_deletes_the_file(
        self,
        container: PicoContainer,
        manager: httpx.AsyncClient,
        make: Make,
        rewrite: Rewrite,
        has_file: HasFile,
    ) -> None:
        old, new = await make(), await make()
        await rewrite(old, expires_at=utc_now())
        await container.get(ExpirySweep).sweep()
        expired = (await manager.get(REPORTS + old["id"])).json()
        assert (expired["state"], expired["size"]) == ("expired", old["size"])
        assert not await has_file(old)
        assert (await manager.get(REPORTS + new["id"])).json() == new
        assert await has_file(new)

    async def test_many_at_once(self, container: PicoContainer, make: Make, rewrite: Rewrite) -> None:
        reports = [await make(kind="activity") for _ in range(3)]
        for report in reports:
            await rewrite(report, expires_at=utc_now())
        await asyncio.gather(*(container.get(ExpirySweep).sweep() for _ in range(4)))
        assert await container.get(ReportStates).find_expired(10) == []

    async def test_waits_for_a_storage_that_is_down(
        self, start: StartContainer, database_url: str, tmp_path: Path
    ) -> None:
        container = start({"DATABASE__URL": database_url, "STORAGE__URL": str(tmp_path)})
        service = container.get(ReportService)
        report = await service.request(ORDER)
        await service.make(report.id)
        await rewrite_in(container, report.id, expires_at=utc_now())
        away = start({"DATABASE__URL": database_url, **STORAGE_DOWN})
        with pytest.raises(StorageUnavailableError):
            await away.get(ExpirySweep).sweep()
        assert (await service.get_by_id(report.id)).state == "done"
        await container.get(ExpirySweep).sweep()
        assert (await service.get_by_id(report.id)).state == "expired"
