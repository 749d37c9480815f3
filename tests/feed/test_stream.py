"""The feed as server-sent events, through a real server."""

import asyncio
import json
import time
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from typing import Any
from uuid import UUID

import httpx
import pytest
from fastapi import FastAPI
from pico_ioc import PicoContainer

from myapp.feed import answers
from myapp.feed.cursors import FeedCursors
from myapp.feed.watcher import FeedWatcher
from myapp.platform.stopping import Stopping
from myapp.users.services import UserService

from ..conftest import serving
from ..fixture_types import Create, StartContainer
from ..issuer import Issuer
from ..platform.outbox.room import until
from ..platform.web.problems import assert_problem
from .reader import FEED, PATIENCE, end_of, read

EVENT_STREAM = {"Accept": "text/event-stream"}

Fields = dict[str, str]


class Stream:
    """Reads server-sent events. ``comments`` counts the lines that only keep the connection open."""

    def __init__(self, response: httpx.Response) -> None:
        self.response = response
        self.comments = 0
        self._lines = response.aiter_lines()

    async def next(self) -> Fields | None:
        """Return the fields of the next event, or None at the end of the stream."""
        fields: Fields = {}
        async with asyncio.timeout(PATIENCE):
            async for line in self._lines:
                if not line and fields:
                    return fields
                name, _, value = line.partition(": ")
                if name:
                    fields[name] = value
                else:
                    self.comments += bool(line)
        return None

    async def next_data(self) -> Fields | None:
        while (fields := await self.next()) and "data" not in fields:
            pass
        return fields


Open = Callable[..., AbstractAsyncContextManager[Stream]]


@asynccontextmanager
async def opened(url: str, token: str, headers: dict[str, str] | None = None, **query: Any) -> AsyncIterator[Stream]:
    sent = {"Authorization": f"Bearer {token}", **EVENT_STREAM, **(headers or {})}
    async with (
        httpx.AsyncClient(base_url=url, headers=sent, timeout=60, trust_env=False) as client,
        client.stream("GET", FEED, params=query) as response,
    ):
        yield Stream(response)


@pytest.fixture
async def server(app: FastAPI) -> AsyncIterator[str]:
    async with serving(app) as url:
        yield url


@pytest.fixture
def open_stream(server: str, tokens: dict[str, str]) -> Open:
    def open_one(**options: Any) -> AbstractAsyncContextManager[Stream]:
        return opened(server, tokens["product-manager"], **options)

    return open_one


class TestEvents:
    async def test_each_has_its_cursor(self, open_stream: Open, manager: httpx.AsyncClient, create: Create) -> None:
        first = await create("Lamp", description="a\r\nb\n\nc: d")
        async with open_stream() as stream:
            assert stream.response.status_code == 200
            headers = stream.response.headers
            assert headers["content-type"].startswith("text/event-stream")
            assert (headers["cache-control"], headers["x-accel-buffering"]) == ("no-store", "no")
            begin = await stream.next()
            assert begin is not None
            assert set(begin) == {"id", "retry"}
            one = await stream.next_data()
            assert one is not None
            second = await create("Desk")
            two = await stream.next_data()
        assert two is not None
        assert (one["event"], two["event"]) == ("product.created", "product.created")
        page = await read(manager)
        assert [json.loads(one["data"]), json.loads(two["data"])] == page["items"]
        assert [event["aggregate_id"] for event in page["items"]] == [str(first["id"]), str(second["id"])]
        assert (await read(manager, after=one["id"]))["items"] == page["items"][1:]
        assert (await read(manager, after=begin["id"]))["items"] == page["items"]

    async def test_last_event_id_goes_on(self, open_stream: Open, manager: httpx.AsyncClient, create: Create) -> None:
        """It counts more than ``after``, which the browser sends again with the address."""
        begin = await end_of(manager, 0)
        for name in ("Lamp", "Desk", "Sofa"):
            await create(name)
        await end_of(manager, 3)
        after = (await read(manager, limit=1))["next"]
        events = (await read(manager, after=after))["items"]
        async with open_stream(headers={"Last-Event-ID": after}, after=begin) as stream:
            assert [json.loads((await stream.next_data() or {})["data"]) for _ in events] == events

    async def test_types_and_latest(self, open_stream: Open, manager: httpx.AsyncClient, create: Create) -> None:
        id = (await create("Lamp", stock=9))["id"]
        await end_of(manager, 1)
        async with open_stream(after="latest", types="product.updated") as stream:
            await stream.next()
            await create("Desk")
            await manager.put(f"/api/v1/products/{id}", json={"stock": 8})
            found = await stream.next_data()
        assert found is not None
        assert found["event"] == "product.updated"

    async def test_many_at_once(self, open_stream: Open, manager: httpx.AsyncClient, create: Create) -> None:
        for number in range(25):
            await create(f"Lamp {number}")
        await end_of(manager, 25)
        async with open_stream(limit=10) as stream:
            names = [json.loads((await stream.next_data() or {})["data"])["aggregate_id"] for _ in range(25)]
        assert names == [event["aggregate_id"] for event in (await read(manager))["items"]]

    async def test_a_silent_one_is_kept_open(
        self,
        open_stream: Open,
        container: PicoContainer,
        admin: httpx.AsyncClient,
        create: Create,
        monkeypatch: pytest.MonkeyPatch,
    ) -> None:
        """The cursor moves on, although no event is wanted."""
        monkeypatch.setattr(answers, "KEEP_ALIVE", 0.1)
        monkeypatch.setattr(answers, "RECHECK", 0.1)
        async with open_stream(types="product.stock_low") as stream:
            begin = await stream.next()
            await create("Lamp")
            cursors = container.get(FeedCursors)
            async with asyncio.timeout(PATIENCE):
                while (kept := await stream.next()) == begin or kept == {"id": (begin or {})["id"]}:
                    pass
            assert kept is not None
            assert stream.comments > 0
            assert await cursors.decode(kept["id"]) == await cursors.decode((await read(admin))["next"])


class TestRefusals:
    """They are problem documents."""

    async def test_a_wrong_cursor(self, open_stream: Open) -> None:
        for options, parameter in (({"after": "x"}, "after"), ({"headers": {"Last-Event-ID": "x"}}, "Last-Event-ID")):
            async with open_stream(**options) as stream:
                await stream.response.aread()
                problem = assert_problem(stream.response, 422, "invalid_cursor")
                assert problem["errors"][0]["parameter"] == parameter

    async def test_a_wrong_type(self, open_stream: Open) -> None:
        for types, status in (("nothing.*", 422), ("user.*", 403)):
            async with open_stream(types=types) as stream:
                assert stream.response.status_code == status

    @pytest.mark.parametrize(
        ("accept", "is_stream"),
        [
            ("text/event-stream", True),
            ("TEXT/Event-Stream;charset=utf-8", True),
            ("application/json, text/event-stream;q=0.5", True),
            ("application/json", False),
            ("*/*", False),
            ("text/*", False),
            ("text/event-stream;q=0", False),
            ("", False),
        ],
    )
    @pytest.mark.one_database
    async def test_only_who_asks_for_it_gets_a_stream(self, open_stream: Open, accept: str, is_stream: bool) -> None:
        async with open_stream(headers={"Accept": accept}) as stream:
            assert stream.response.headers["content-type"].startswith("text/event-stream") == is_stream


class TestEnd:
    async def test_when_the_token_expires(
        self, start: StartContainer, database_url: str, issuer: Issuer, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(answers, "RECHECK", 0.1)
        own = start({"DATABASE__URL": database_url, "AUTH__LEEWAY": "0"})
        token = issuer.token("product-manager", exp=int(time.time()) + 2)
        async with serving(own.get(FastAPI)) as url, opened(url, token) as stream:
            assert stream.response.status_code == 200
            assert await stream.next_data() is None

    async def test_when_the_user_is_deactivated(
        self, start: StartContainer, database_url: str, issuer: Issuer, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """What happens afterwards is not sent."""
        monkeypatch.setattr(answers, "RECHECK", 0.1)
        own = start({"DATABASE__URL": database_url, "USERS__STATUS_TTL": "0.1"})
        leaver, other = issuer.token("product-manager", sub="leaver"), issuer.token("product-manager", sub="other")
        async with serving(own.get(FastAPI)) as url, opened(url, leaver) as stream:
            async with httpx.AsyncClient(base_url=url, trust_env=False) as client:
                user = (await client.get("/api/v1/me", headers={"Authorization": f"Bearer {leaver}"})).json()
                await own.get(UserService).update(UUID(user["id"]), {"is_active": False})  # type: ignore[arg-type]
                await asyncio.sleep(0.2)  # the caller's status is remembered for a while
                headers = {"Authorization": f"Bearer {other}"}
                await client.post("/api/v1/products/", json={"name": "Lamp", "price": 1}, headers=headers)
            assert await stream.next_data() is None

    async def test_when_the_process_stops(self, start: StartContainer, database_url: str, issuer: Issuer) -> None:
        own = start({"DATABASE__URL": database_url})
        async with (
            serving(own.get(FastAPI)) as url,
            opened(url, issuer.token("product-manager")) as stream,
        ):
            await stream.next()
            await until(lambda: own.get(FeedWatcher).waiting)
            own.get(Stopping).begin()
            assert await stream.next() is None

    async def test_when_the_client_goes(self, container: PicoContainer, open_stream: Open) -> None:
        async with open_stream() as stream:
            await stream.next()
            await until(lambda: container.get(FeedWatcher).waiting)
        await until(lambda: not container.get(FeedWatcher).waiting)
