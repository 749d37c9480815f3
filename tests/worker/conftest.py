"""Worker processes, brokers, and reports that take a while."""

import asyncio
import os
import sys
import time
import uuid
from collections.abc import AsyncIterator, Callable, Iterator, Mapping
from decimal import Decimal
from pathlib import Path

import psutil
import pytest
from kombu import Connection
from pico_ioc import PicoContainer
from pico_sqlalchemy import SessionManager
from sqlalchemy import func, insert, select

from myapp.platform.events.models import Event
from myapp.platform.storage.files import Storage
from myapp.products.models import Product
from myapp.reports.models import Report
from myapp.reports.services import ReportService

from ..fixture_types import StartContainer
from ..processes import Process

RABBITMQ = os.environ.get("TEST_BROKER_URL", "amqp://guest:guest@127.0.0.1:5672//")

QUICK = {
    "REPORTS__INLINE_ROWS": "0",
    "REPORTS__HEARTBEAT": "0.1",
    "REPORTS__LEASE": "3",
    "REPORTS__RETRY_PAUSE": "2",
    "EVENTS__POLL_INTERVAL": "0.1",
}
"""Settings under which a worker makes every report, and sweeps find lost ones soon."""


class Worker(Process):
    """``products-api worker``."""

    def __init__(self, environment: Mapping[str, str], output: Path, *options: str) -> None:
        super().__init__([sys.executable, "-m", "myapp.cli", "worker", *options], environment, output)

    def wait_for_line(self, text: str, seconds: float = 40) -> "Worker":
        deadline = time.monotonic() + seconds
        while text not in self.output:
            assert self.running, self.output
            assert time.monotonic() < deadline, self.output
            time.sleep(0.05)
        return self

    @property
    def pool(self) -> list[psutil.Process]:
        """Return the processes that make the reports."""
        return [child for child in psutil.Process(self.pid).children() if "spawn_main" in " ".join(child.cmdline())]


@pytest.fixture
def start_worker(tmp_path: Path) -> Iterator[Callable[..., Worker]]:
    """``start_worker(settings)`` starts a worker and returns it when it is ready."""
    started: list[Worker] = []

    def start_one(environment: Mapping[str, str], *options: str) -> Worker:
        worker = Worker(environment, tmp_path / f"worker-{len(started)}.log", *options)
        started.append(worker)
        return worker.wait_for_line(" ready.")

    yield start_one
    for worker in started:
        if worker.running:
            worker.kill()


@pytest.fixture
def broker(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """A broker file, or with the parameter "rabbitmq" the server of TEST_BROKER_URL. Skip if none listens there."""
    if getattr(request, "param", "file") == "file":
        return str(tmp_path / "broker.db")
    try:
        with Connection(RABBITMQ, connect_timeout=2) as connection:
            connection.connect()
    except OSError:
        pytest.skip("no RabbitMQ: TEST_BROKER_URL=amqp://USER:PASSWORD@HOST/VHOST names one")
    return RABBITMQ


@pytest.fixture
def queue(broker: str) -> Iterator[str]:
    """The name of a queue that only this test uses."""
    name = f"test-{uuid.uuid4().hex}"
    yield name
    if broker == RABBITMQ:
        with Connection(RABBITMQ, connect_timeout=2) as connection:
            connection.default_channel.queue_delete(name)


@pytest.fixture
def settings(database_url: str, folders: dict[str, str], broker: str, queue: str) -> dict[str, str]:
    """The settings that the application and its workers share."""
    own = {"DATABASE__URL": database_url, "CELERY__BROKER_URL": broker, "WORKER__QUEUE": queue}
    return {**folders, **own, **QUICK}


class Reports:
    """Requests reports with an application in this process, where no relay runs."""

    def __init__(self, container: PicoContainer) -> None:
        self.container = container
        self.service = container.get(ReportService)

    async def fill(self, count: int) -> None:
        product = {"price": Decimal("99.90"), "stock": 7, "version": 1}
        rows = [{"name": f"Desk {number}", "name_folded": f"desk {number}", **product} for number in range(count)]
        for start in range(0, count, 1000):
            async with self.container.get(SessionManager).engine.begin() as connection:
                await connection.execute(insert(Product), rows[start : start + 1000])

    async def request(self, format: str = "pdf") -> Report:
        return await self.service.request({"kind": "inventory", "format": format})

    async def wait_until(self, report: Report, *states: str, seconds: float = 60) -> Report:
        deadline = time.monotonic() + seconds
        while (report := await self.service.get_by_id(report.id)).state not in states:
            assert time.monotonic() < deadline, (report.state, report.attempts, report.error)
            await asyncio.sleep(0.05)
        return report

    async def count_events(self, report: Report, event: str) -> int:
        """Return how many events of this type the report has."""
        query = select(func.count()).where(Event.aggregate_id == str(report.id), Event.type == event)
        async with self.container.get(SessionManager).engine.connect() as connection:
            return (await connection.execute(query)).scalar_one()

    async def is_made_once(self, report: Report) -> bool:
        content = await self.container.get(Storage).read(f"reports/{report.id}.{report.format}")
        assert report.size == len(content)
        return await self.count_events(report, "report.finished") == 1


@pytest.fixture
async def reports(start: StartContainer, settings: dict[str, str]) -> AsyncIterator[Reports]:
    return Reports(start(settings))
