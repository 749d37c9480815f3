"""Relays in separate processes: killed, terminated and restarted, at any point and several at once."""

import asyncio
import sys
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path
from random import Random

import httpx
import pytest
from sqlalchemy import select, update

from myapp.analytics.models import EventCount
from myapp.platform.outbox.models import EventDelivery
from tests.issuer import Issuer
from tests.processes import Process, Server

from ...fixture_types import StartContainer
from .room import Room, until
from .scribe import Folder
from .things import Counted

pytestmark = pytest.mark.slow

StartRelay = Callable[[], Process]


@pytest.fixture
def folder(tmp_path: Path) -> Folder:
    return Folder(tmp_path)


@pytest.fixture
def environment(database_url: str, issuer: Issuer, folders: dict[str, str], tmp_path: Path) -> dict[str, str]:
    return folders | {
        "DATABASE__URL": database_url,
        "AUTH_CLIENT__ISSUER": issuer.url,
        "SCRIBE_FOLDER": str(tmp_path),
        "EVENTS__RELAY": "false",
        "EVENTS__POLL_INTERVAL": "0.05",
    }


@pytest.fixture
def room(start: StartContainer, environment: dict[str, str], monkeypatch: pytest.MonkeyPatch) -> Room:
    """The room of this process. It publishes, and delivers only when a test calls for it."""
    monkeypatch.setenv("SCRIBE_FOLDER", environment["SCRIBE_FOLDER"])
    return Room(start(environment, modules=["tests.platform.outbox.scribe"]))


@pytest.fixture
def start_relay(environment: dict[str, str], tmp_path: Path) -> Iterator[StartRelay]:
    relays: list[Process] = []

    def start_one() -> Process:
        command = [sys.executable, "-m", "tests.platform.outbox.scribe"]
        relays.append(Process(command, environment, tmp_path / f"output{len(relays)}"))
        return relays[-1]

    yield start_one
    for relay in relays:
        if relay.running:
            relay.kill()
        assert "Traceback" not in relay.output


async def terminate(relay: Process) -> int:
    relay.terminate()
    return await asyncio.to_thread(relay.wait)


async def until_received(folder: Folder, times: int) -> None:
    await until(lambda: len(folder.read("received")) >= times)


class TestKill:
    """SIGKILL at each point of a delivery."""

    async def test_while_it_is_being_handled(self, room: Room, folder: Folder, start_relay: StartRelay) -> None:
        folder.shut()
        await room.happen("a", "a")
        relay = start_relay()
        await until(lambda: folder.read("received"))
        relay.kill()
        folder.open()
        await room.pass_time()  # the lease expires
        await room.relay.deliver_due()
        assert folder.read("received") == [("a", 1), ("a", 1), ("a", 2)]
        assert [(delivery.state, delivery.attempts) for delivery in await room.deliveries("scribe")] == [
            ("delivered", 2),
            ("delivered", 1),
        ]

    async def test_after_it_was_handled_and_before_it_is_recorded(
        self, room: Room, folder: Folder, start_relay: StartRelay
    ) -> None:
        """This is the only point where work is done twice."""
        folder.shut()
        await room.happen("a", "a")
        relay = start_relay()
        await until(lambda: folder.read("received"))
        async with room.manager.transaction() as session:
            await session.execute(update(EventDelivery).values(error="locked"))
            folder.open()
            await until(lambda: folder.read("done"))
            await asyncio.sleep(0.1)
            relay.kill()
        await room.pass_time()
        await room.relay.deliver_due()
        assert folder.read("done") == [("a", 1), ("a", 1), ("a", 2)]
        assert await room.states("scribe") == ["delivered"] * 2

    async def test_in_the_transaction_of_the_record(self, room: Room, folder: Folder, start_relay: StartRelay) -> None:
        folder.shut()
        await room.happen("a", "b", "a", kind=Counted)
        relay = start_relay()
        await until(lambda: folder.read("counted"))
        relay.kill()
        assert await room.events("thing.noted") == []
        folder.open()
        await room.pass_time()
        await room.relay.deliver_due()
        noted = [(event.aggregate_id, event.version) for event in await room.events("thing.noted")]
        assert sorted(noted) == [("a", 1), ("a", 2), ("b", 1)]

    async def test_again_and_again(
        self, room: Room, folder: Folder, start_relay: StartRelay, environment: dict[str, str]
    ) -> None:
        """Kill two relays in turn, at random moments. The leases expire by themselves."""
        environment |= {"EVENTS__HANDLER_TIMEOUT": "0.5", "EVENTS__TRANSACTION_TIMEOUT": "1", "EVENTS__LEASE": "1.5"}
        environment |= {"EVENTS__MAX_ATTEMPTS": "50"}
        random = Random(3)
        relays = [start_relay(), start_relay()]
        aggregates = "abcdefgh"
        for number in range(8):
            before = len(folder.read("received"))
            for _ in range(4):
                await room.happen(*aggregates)
                await room.happen(*aggregates, kind=Counted)
            await until_received(folder, before + 1)
            await asyncio.sleep(random.uniform(0, 0.3))
            relays[number % 2].kill()
            relays[number % 2] = start_relay()
        await until(lambda: room.all_are("scribe", "delivered"), 120)
        await until(lambda: room.all_are("accountant", "delivered"), 120)
        assert [await terminate(relay) for relay in relays] == [0, 0]
        done = folder.read("done")
        for aggregate in aggregates:
            first_times = list(dict.fromkeys(version for id, version in done if id == aggregate))
            assert first_times == sorted(first_times)
            assert len(first_times) == 32
        assert len(await room.events("thing.noted")) == 8 * 4 * 8

    async def test_of_a_process_that_serves(
        self, room: Room, environment: dict[str, str], issuer: Issuer, tmp_path: Path
    ) -> None:
        """Each acknowledged write is counted once, by the next process."""
        environment |= {"EVENTS__RELAY": "true", "EVENTS__LEASE": "3", "EVENTS__HANDLER_TIMEOUT": "2.5"}
        acknowledged = 0
        random = Random(4)
        for number in range(3):
            server = Server(environment, tmp_path / f"server{number}").wait_until_it_serves()
            headers = {"Authorization": f"Bearer {issuer.token('product-manager')}"}
            async with httpx.AsyncClient(base_url=server.url, headers=headers, trust_env=False) as client:
                for _ in range(random.randrange(5, 40)):
                    response = await client.post("/api/v1/products/", json={"name": "Lamp", "price": 1})
                    assert response.status_code == 201
                    acknowledged += 1
            server.kill()
            assert "Traceback" not in server.output
        server = Server(environment, tmp_path / "server").wait_until_it_serves()
        await until(lambda: room.all_are("analytics", "delivered"), 60)
        server.terminate()
        await asyncio.to_thread(server.wait)
        async with room.manager.transaction(read_only=True) as session:
            counts = (await session.scalars(select(EventCount.count).where(EventCount.type == "product.created"))).all()
        assert sum(counts) == acknowledged == len(await room.events("product.created"))


class TestTermination:
    async def test_loses_nothing_and_repeats_nothing(self, room: Room, folder: Folder, start_relay: StartRelay) -> None:
        folder.shut()
        await room.happen(*"abcdefghij")
        relay = start_relay()
        await until(lambda: len(folder.read("received")) == 4)  # events.concurrency
        relay.terminate()
        await asyncio.sleep(0.2)
        assert relay.running
        folder.open()
        assert await asyncio.to_thread(relay.wait) == 0
        assert len(folder.read("done")) == 4
        deliveries = await room.deliveries("scribe")
        assert Counter((delivery.state, delivery.attempts) for delivery in deliveries) == {
            ("delivered", 1): 4,
            ("pending", 0): 6,
        }
        await room.relay.deliver_due()
        assert await room.all_are("scribe", "delivered")
        assert max(Counter(folder.read("received")).values()) == 1


async def test_four_at_once(room: Room, folder: Folder, start_relay: StartRelay) -> None:
    """They handle every event exactly once, and in order."""
    aggregates = "abcdefghijklmnop"
    relays = [start_relay() for _ in range(4)]
    await room.happen("first")
    await until(lambda: folder.read("done"))
    for _ in range(20):
        await room.happen(*aggregates)
        await room.happen(*aggregates, kind=Counted)
    await until(lambda: room.all_are("scribe", "delivered"), 120)
    await until(lambda: room.all_are("accountant", "delivered"), 120)
    assert [await terminate(relay) for relay in relays] == [0] * 4
    done = folder.read("done")
    assert max(Counter(folder.read("received")).values()) == 1
    for aggregate in aggregates:
        versions = [version for id, version in done if id == aggregate]
        assert versions == sorted(versions)
        assert len(versions) == 20
    assert len(await room.events("thing.noted")) == 320
