"""Sending to brokers that are available, absent, wrong, silent or slow."""

import asyncio
import time
from collections.abc import Iterator
from pathlib import Path
from socket import create_server

import pytest
from kombu import Connection

from myapp.platform.broker.options import celery_options
from myapp.platform.broker.settings import CelerySection, WorkerSettings
from myapp.platform.errors import BrokerUnavailableError, StartupError
from myapp.reports.queue import ReportQueue

from ..databases import free_port


def queue_at(url: object, name: str = "reports") -> ReportQueue:
    return ReportQueue(CelerySection(broker_url=str(url)), WorkerSettings(queue=name))


@pytest.mark.parametrize("broker", ["file", pytest.param("rabbitmq", marks=pytest.mark.slow)], indirect=True)
async def test_messages_wait_for_a_worker(broker: str, queue: str) -> None:
    sender = queue_at(broker, queue)
    await sender.send("one")  # RabbitMQ can refuse messages for a quorum queue while another client declares it
    await asyncio.gather(*(sender.send(name) for name in ("two", "three")))
    url = broker if "://" in broker else f"sqla+sqlite:///{broker}"
    with Connection(url) as connection:
        waiting = connection.SimpleQueue(queue, queue_args={"x-queue-type": "quorum"})
        messages = [waiting.get(block=False) for _ in range(3)]
        waiting.close()
    assert {message.payload[0][0] for message in messages} == {"one", "two", "three"}
    assert {message.headers["task"] for message in messages} == {"reports.make"}
    assert {message.properties["delivery_mode"] for message in messages} == {2}  # persistent


@pytest.fixture
def silent() -> Iterator[str]:
    """The URL of a broker that accepts connections and sends nothing."""
    with create_server(("127.0.0.1", 0)) as listener:
        yield f"amqp://guest:guest@127.0.0.1:{listener.getsockname()[1]}//"


@pytest.fixture
def absent() -> str:
    return f"amqp://guest:guest@127.0.0.1:{free_port()}//"


@pytest.fixture
def spoilt(tmp_path: Path) -> str:
    """The path of a file that is no database."""
    file = tmp_path / "broker.db"
    file.write_text("no database " * 1000)
    return str(file)


@pytest.fixture
def nowhere(tmp_path: Path) -> str:
    return str(tmp_path / "no" / "such" / "folder" / "broker.db")


@pytest.mark.parametrize("broker", [pytest.param("silent", marks=pytest.mark.slow), "absent", "spoilt", "nowhere"])
async def test_an_unusable_broker_fails_soon(broker: str, request: pytest.FixtureRequest) -> None:
    started = time.monotonic()
    with pytest.raises(BrokerUnavailableError):
        await queue_at(request.getfixturevalue(broker)).send("one")
    assert time.monotonic() - started < 5


@pytest.mark.slow
async def test_a_slow_broker_fails_soon() -> None:
    """Each byte arrives in time, but the frame never ends."""

    async def drip(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"\x01\x00\x00\xff\xff\xff\xff")  # a frame of 4 GB
        while not writer.is_closing():
            writer.write(b"\x00")
            await asyncio.sleep(0.3)

    server = await asyncio.start_server(drip, "127.0.0.1", 0)
    async with server:
        port = server.sockets[0].getsockname()[1]
        started = time.monotonic()
        with pytest.raises(BrokerUnavailableError):
            await queue_at(f"amqp://guest:guest@127.0.0.1:{port}//").send("one")
        assert time.monotonic() - started < 5


def test_a_missing_folder_of_the_broker_file_stops_the_start(nowhere: str) -> None:
    with pytest.raises(StartupError, match=r"celery\.broker_url \(CELERY__BROKER_URL\): the folder"):
        celery_options(CelerySection(broker_url=nowhere), WorkerSettings(), step_timeout=1.0)


@pytest.mark.parametrize("url", ["redis://127.0.0.1", "filesystem://", "memory://", "sqla+sqlite:///broker.db"])
def test_a_broker_of_another_kind_stops_the_start(url: str) -> None:
    with pytest.raises(StartupError, match=r"celery\.broker_url"):
        queue_at(url)
