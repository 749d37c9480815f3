"""Real worker processes make large reports."""

import json
from collections.abc import Callable

import pytest
from sqlalchemy import make_url

from myapp.platform.context.request_id import set_request_id

from ..databases import free_port
from ..fixture_types import StartContainer
from ..proxy import Proxy
from .conftest import Reports, Worker

pytestmark = pytest.mark.slow

StartWorker = Callable[..., Worker]

SLOW_ROWS = 6_000
"""Rows of a report that takes several seconds, so that a test can interrupt it."""


def parts(*pairs: tuple[str, str]) -> pytest.MarkDecorator:
    """Run a test with these pairs of a database and a broker."""
    return pytest.mark.parametrize(("database_kind", "broker"), pairs, indirect=["broker"])


@parts(("postgresql", "file"))
async def test_reports_are_made_and_the_worker_ends(
    settings: dict[str, str], reports: Reports, start_worker: StartWorker
) -> None:
    """Make several in turn. Each has its own event loop, and must not use a connection of another.

    README's run command shows the same on SQLite.
    """
    worker = start_worker(settings | {"WEB__LOG_JSON": "true"})
    await reports.fill(3)
    for report in [await reports.request(format) for format in ("pdf", "csv", "xlsx")]:
        assert (report.state, report.inline) == ("queued", False)
        done = await reports.wait_until(report, "done", "failed")
        assert (done.state, done.attempts, done.rows, done.progress) == ("done", 1, 3, 100)
        assert await reports.is_made_once(done)
    received = next(line for line in worker.output.splitlines() if "received" in line)
    assert json.loads(received)["name"] == "celery.worker.strategy"
    worker.terminate()
    assert worker.wait(30) == 0, worker.output
    assert "Traceback" not in worker.output, worker.output


@parts(("sqlite", "file"), ("postgresql", "rabbitmq"))
class TestDisturbed:
    async def test_a_worker_that_is_killed_loses_nothing(
        self, settings: dict[str, str], reports: Reports, start_worker: StartWorker
    ) -> None:
        await reports.fill(SLOW_ROWS)
        worker = start_worker(settings)
        report = await reports.request()
        await reports.wait_until(report, "running")
        pool = worker.pool
        worker.kill()
        for process in pool:
            process.wait(10)
        assert (await reports.service.get_by_id(report.id)).state == "running"

        start_worker(settings)
        done = await reports.wait_until(report, "done", "failed")
        assert (done.state, done.attempts) == ("done", 2)
        assert await reports.is_made_once(done)

    async def test_a_process_that_is_killed_is_replaced(
        self, settings: dict[str, str], reports: Reports, start_worker: StartWorker
    ) -> None:
        """It is killed in the middle of a report, then while it waits for one."""
        await reports.fill(SLOW_ROWS)
        worker = start_worker(settings)
        report = await reports.request()
        await reports.wait_until(report, "running")
        (process,) = worker.pool
        process.kill()

        done = await reports.wait_until(report, "done", "failed")
        assert (done.state, done.attempts) == ("done", 2)
        assert await reports.is_made_once(done)
        (process,) = worker.pool
        process.kill()
        assert (await reports.wait_until(await reports.request("csv"), "done", "failed")).state == "done"
        worker.terminate()
        assert worker.wait(30) == 0, worker.output

    async def test_a_worker_that_is_to_end_finishes_its_report(
        self, settings: dict[str, str], reports: Reports, start_worker: StartWorker
    ) -> None:
        await reports.fill(SLOW_ROWS)
        worker = start_worker(settings)
        report = await reports.request()
        await reports.wait_until(report, "running")
        worker.terminate()
        assert worker.wait(60) == 0, worker.output
        done = await reports.service.get_by_id(report.id)
        assert (done.state, done.attempts) == ("done", 1)
        assert await reports.is_made_once(done)

    async def test_a_report_that_is_cancelled_makes_room_for_the_next(
        self, settings: dict[str, str], reports: Reports, start_worker: StartWorker
    ) -> None:
        await reports.fill(SLOW_ROWS)
        start_worker(settings)
        report, other = await reports.request(), await reports.request("csv")
        await reports.wait_until(report, "running")
        assert (await reports.service.cancel(report.id)).state == "cancelled"
        assert (await reports.wait_until(other, "done", "failed")).state == "done"
        assert (await reports.service.get_by_id(report.id)).state == "cancelled"
        assert await reports.count_events(report, "report.finished") == 0

    async def test_a_report_fails_after_three_retries(
        self, settings: dict[str, str], reports: Reports, start_worker: StartWorker
    ) -> None:
        """The storage is down during all attempts."""
        absent_storage = {
            "STORAGE__URL": "s3://reports",
            "STORAGE__ENDPOINT": f"http://127.0.0.1:{free_port()}",
            "STORAGE__ALLOW_HTTP": "true",
            "STORAGE__ACCESS_KEY": "key",
            "STORAGE__SECRET_KEY": "secret",
            "STORAGE__RETRIES": "0",
        }
        await reports.fill(3)
        worker = start_worker(settings | absent_storage)
        set_request_id("the-request")
        report = await reports.request()
        failed = await reports.wait_until(report, "done", "failed", seconds=120)
        assert (failed.state, failed.attempts) == ("failed", 4)
        assert failed.error == "The storage does not answer at the moment."
        assert await reports.count_events(report, "report.failed") == 1
        lines = [line for line in worker.output.splitlines() if str(report.id) in line and "attempt 4" in line]
        assert "[the-request]" in lines[0]


@parts(("postgresql", "rabbitmq"))
async def test_a_broker_that_was_down_gets_its_messages(
    settings: dict[str, str], start: StartContainer, start_worker: StartWorker
) -> None:
    with Proxy(make_url(settings["CELERY__BROKER_URL"])) as proxy:
        settings = settings | {"CELERY__BROKER_URL": proxy.url}
        reports = Reports(start(settings))
        await reports.fill(3)
        worker = start_worker(settings)
        proxy.stop()
        report = await reports.request()
        worker.wait_for_line("the broker did not accept report")
        assert (await reports.service.get_by_id(report.id)).state == "queued"

        proxy.start()
        done = await reports.wait_until(report, "done", "failed")
        assert (done.state, done.attempts) == ("done", 1)
        assert await reports.is_made_once(done)
