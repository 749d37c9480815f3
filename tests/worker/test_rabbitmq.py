"""Queues, users and virtual hosts of RabbitMQ as they are elsewhere, and workers that meet them."""

import json
import shutil
import subprocess
import uuid
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from kombu import Connection
from kombu.entity import Queue
from sqlalchemy import make_url

from myapp.platform.broker.settings import CelerySection, WorkerSettings
from myapp.platform.errors import BrokerUnavailableError
from myapp.reports.queue import ReportQueue

from ..fixture_types import StartContainer
from ..proxy import Proxy
from .conftest import QUICK, Reports, Worker

pytestmark = pytest.mark.slow

StartWorker = Callable[..., Worker]

CLASSIC, QUORUM = {"x-queue-type": "classic"}, {"x-queue-type": "quorum"}


class VirtualHost:
    """A virtual host with its own user. Its queues are quorum queues unless a client says otherwise."""

    def __init__(self) -> None:
        self.name = self.user = f"test-{uuid.uuid4().hex}"
        ctl("add_vhost", self.name, "--default-queue-type", "quorum")
        ctl("add_user", self.user, "secret")
        self.permit(".*")

    def permit(self, pattern: str) -> None:
        """Let the user configure, write and read what matches ``pattern``."""
        ctl("set_permissions", "-p", self.name, self.user, pattern, pattern, pattern)

    def url(self, password: str = "secret", name: str | None = None) -> str:
        return f"amqp://{self.user}:{password}@127.0.0.1:5672/{name or self.name}"

    def queues(self) -> dict[str, str]:
        """Return the type of each queue."""
        listed = json.loads(ctl("list_queues", "-p", self.name, "--formatter=json", "name", "type"))
        return {queue["name"]: queue["type"].removeprefix("rabbit_").removesuffix("_queue") for queue in listed}

    def declare(self, queue: str, arguments: dict[str, Any] | None) -> None:
        with Connection(self.url()) as connection:
            Queue(queue, queue_arguments=arguments)(connection.channel()).declare()

    def delete(self, queue: str) -> None:
        with Connection(self.url()) as connection:
            connection.default_channel.queue_delete(queue)

    def remove(self) -> None:
        ctl("delete_vhost", self.name)
        ctl("delete_user", self.user)


def ctl(*command: str) -> str:
    done = subprocess.run(["rabbitmqctl", "--quiet", *command], capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stderr
    return done.stdout


@pytest.fixture(scope="session")
def database_kind() -> str:
    """Return one database: these tests are about the broker."""
    return "sqlite"


@pytest.fixture(scope="session")
def broker_of_tests() -> Iterator[VirtualHost]:
    if not shutil.which("rabbitmqctl"):
        pytest.skip("no rabbitmqctl: these tests make virtual hosts and users with it")
    try:
        host = VirtualHost()
    except AssertionError as error:
        pytest.skip(f"rabbitmqctl cannot make a virtual host: {error}")
    yield host
    host.remove()


@pytest.fixture
def host(broker_of_tests: VirtualHost) -> VirtualHost:
    broker_of_tests.permit(".*")
    return broker_of_tests


@pytest.fixture
def queue() -> str:
    return f"reports-{uuid.uuid4().hex}"


@pytest.fixture
def settings(database_url: str, folders: dict[str, str], host: VirtualHost, queue: str) -> dict[str, str]:
    return {**folders, "DATABASE__URL": database_url, "CELERY__BROKER_URL": host.url(), "WORKER__QUEUE": queue, **QUICK}


def sender(url: str, queue: str, **settings: Any) -> ReportQueue:
    return ReportQueue(CelerySection(broker_url=url), WorkerSettings(queue=queue, **settings))


class TestQueue:
    @pytest.mark.parametrize("queue_type", ["quorum", "classic"])
    async def test_has_the_type_of_the_setting_and_is_the_only_one(
        self, settings: dict[str, str], reports: Reports, start_worker: StartWorker, host: VirtualHost, queue_type: str
    ) -> None:
        before = host.queues()
        worker = start_worker(settings | {"WORKER__QUEUE_TYPE": queue_type})
        await reports.fill(3)
        for report in [await reports.request(format) for format in ("csv", "pdf", "csv")]:
            done = await reports.wait_until(report, "done", "failed")
            assert (done.state, done.attempts) == ("done", 1)
        added = host.queues().items() - before.items()
        assert added == {(settings["WORKER__QUEUE"], queue_type)}
        worker.terminate()
        assert worker.wait(30) == 0, worker.output
        assert "Traceback" not in worker.output, worker.output

    @pytest.mark.parametrize(
        ("arguments", "queue_type"),
        [
            pytest.param(CLASSIC, "quorum", id="of 1.0.0"),
            pytest.param(QUORUM | {"x-delivery-limit": 9}, "classic", id="quorum where classic is wanted"),
        ],
    )
    async def test_with_other_arguments_is_used_as_it_is_and_one_line_says_so(
        self,
        settings: dict[str, str],
        reports: Reports,
        start_worker: StartWorker,
        host: VirtualHost,
        arguments: dict[str, Any],
        queue_type: str,
    ) -> None:
        queue = settings["WORKER__QUEUE"]
        host.declare(queue, arguments)
        worker = start_worker(settings | {"WORKER__QUEUE_TYPE": queue_type})
        await reports.fill(3)
        for report in [await reports.request("csv") for _ in range(2)]:
            done = await reports.wait_until(report, "done", "failed")
            assert (done.state, done.attempts) == ("done", 1)
        (line,) = [line for line in worker.output.splitlines() if "PRECONDITION_FAILED" in line]
        assert f"WARNING myapp.platform.broker.queue [-] the broker has the queue {queue} with other arguments" in line
        assert "Traceback" not in worker.output, worker.output

    async def test_that_is_deleted_is_declared_again(
        self, settings: dict[str, str], reports: Reports, start_worker: StartWorker, host: VirtualHost
    ) -> None:
        """This is how an operator replaces the classic queue of an older release."""
        queue = settings["WORKER__QUEUE"]
        host.declare(queue, CLASSIC)
        start_worker(settings)
        await reports.fill(3)
        assert (await reports.wait_until(await reports.request("csv"), "done", "failed")).state == "done"
        host.delete(queue)
        assert (await reports.wait_until(await reports.request("csv"), "done", "failed")).state == "done"
        assert host.queues()[queue] == "quorum"

    async def test_takes_the_messages_of_senders(
        self, host: VirtualHost, queue: str, caplog: pytest.LogCaptureFixture
    ) -> None:
        host.declare(queue, CLASSIC)
        reports = sender(host.url(), queue)
        for _ in range(3):
            await reports.send("one")
        with Connection(host.url()) as connection:
            declared = connection.default_channel.queue_declare(queue, passive=True)
        assert declared.message_count == 3
        assert caplog.text.count("PRECONDITION_FAILED") == 1

    async def test_of_senders_has_the_type_of_the_setting(self, host: VirtualHost, queue: str) -> None:
        await sender(host.url(), queue).send("one")
        await sender(host.url(), f"{queue}-c", queue_type="classic").send("one")
        assert host.queues().items() >= {(queue, "quorum"), (f"{queue}-c", "classic")}


def test_celery_still_limits_the_channel_of_a_queue_whose_type_it_does_not_know(host: VirtualHost, queue: str) -> None:
    """As soon as this fails with RabbitMQ 3, ``PerConsumerConnection`` can go."""
    with Connection(host.url()) as connection:
        connection.connect()
        if connection.connection.server_properties["version"].startswith("3."):
            assert not connection.qos_semantics_matches_spec


class TestRefusal:
    """The broker answers, but waiting cannot help."""

    @pytest.mark.parametrize("wrong", ["password", "virtual host", "permissions", "queue"])
    def test_ends_the_worker_in_one_line(
        self, settings: dict[str, str], host: VirtualHost, tmp_path: Path, wrong: str
    ) -> None:
        if wrong == "password":
            settings = settings | {"CELERY__BROKER_URL": host.url(password="wrong")}
        if wrong == "virtual host":
            settings = settings | {"CELERY__BROKER_URL": host.url(name="nowhere")}
        if wrong == "permissions":
            host.permit("^nothing$")
        with Connection(host.url()) as connection:
            if wrong == "queue":
                channel = connection.default_channel
                channel.queue_declare(settings["WORKER__QUEUE"], exclusive=True, durable=True, arguments=CLASSIC)
            worker = Worker(settings, tmp_path / "worker.log")
            assert worker.wait(60) == 3
        (line,) = [line for line in worker.output.splitlines() if "celery.broker_url" in line]
        assert line.startswith("products-api: celery.broker_url (CELERY__BROKER_URL): the broker refuses: ")
        assert worker.output.splitlines()[-1] == line
        assert "Traceback" not in worker.output, worker.output
        assert "secret" not in worker.output

    async def test_fails_a_sender_soon(self, host: VirtualHost, queue: str, caplog: pytest.LogCaptureFixture) -> None:
        for url in (host.url(password="wrong"), host.url(name="nowhere")):
            with pytest.raises(BrokerUnavailableError):
                await sender(url, queue).send("one")
        assert "Login was refused" in caplog.text
        assert "vhost nowhere not found" in caplog.text

    async def test_after_an_outage_ends_the_worker_too(
        self, settings: dict[str, str], start: StartContainer, start_worker: StartWorker, host: VirtualHost
    ) -> None:
        with Proxy(make_url(host.url())) as proxy:
            worker = start_worker(settings | {"CELERY__BROKER_URL": proxy.url})
            ctl("change_password", host.user, "another")
            try:
                proxy.stop()
                proxy.start()
                assert worker.wait(60) == 3, worker.output
            finally:
                ctl("change_password", host.user, "secret")
        assert "the broker refuses: ACCESS_REFUSED" in worker.output
        assert "Traceback" not in worker.output, worker.output


async def test_a_broker_that_is_down_is_waited_for(
    settings: dict[str, str], start: StartContainer, tmp_path: Path, host: VirtualHost
) -> None:
    reports = Reports(start(settings))
    await reports.fill(3)
    with Proxy(make_url(host.url())) as proxy:
        proxy.stop()
        worker = Worker(settings | {"CELERY__BROKER_URL": proxy.url}, tmp_path / "worker.log")
        try:
            worker.wait_for_line("Cannot connect to amqp://")
            proxy.start()
            report = await reports.wait_until(await reports.request("csv"), "done", "failed")
            assert report.state == "done"
            assert "Traceback" not in worker.output, worker.output
        finally:
            worker.kill()
