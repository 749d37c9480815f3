"""Reading the feed over HTTP: cursors, types, permissions."""

from datetime import UTC, datetime
from typing import Any

import httpx
import pytest
from fastapi import FastAPI
from hypothesis import given
from hypothesis import strategies as st
from pico_ioc import PicoContainer
from pico_sqlalchemy import AppBase, SessionManager

from myapp.feed.cursors import LIST_NAME
from myapp.feed.positions import START, Batch, PlacedEvent, Position
from myapp.feed.types import ALL_TYPES, WantedTypes
from myapp.platform.events.event import RecordedEvent
from myapp.platform.web.cursors import Cursors

from ..conftest import client_of
from ..databases import empty_tables
from ..fixture_types import Create
from ..issuer import Issuer
from ..platform.web.problems import assert_problem
from .reader import FEED, end_of, follow, read

PRODUCTS = "/api/v1/products"


def told(events: list[dict[str, Any]]) -> list[tuple[str, str, int]]:
    return [(event["type"], event["aggregate_id"], event["version"]) for event in events]


class TestOrder:
    async def test_an_empty_feed_has_a_cursor(self, manager: httpx.AsyncClient, create: Create) -> None:
        page = await read(manager)
        assert page["items"] == []
        assert (await read(manager, after=page["next"]))["items"] == []
        await create("Lamp")
        assert len(await follow(manager, 1, page["next"])) == 1

    async def test_every_change_and_the_deletion(
        self, manager: httpx.AsyncClient, admin: httpx.AsyncClient, create: Create
    ) -> None:
        id = (await create("Lamp", stock=9))["id"]
        await manager.put(f"{PRODUCTS}/{id}", json={"stock": 8})
        await manager.patch(f"{PRODUCTS}/{id}/deactivate")
        await admin.delete(f"{PRODUCTS}/{id}")
        events = await follow(manager, 4)
        assert told(events) == [
            ("product.created", str(id), 1),
            ("product.updated", str(id), 2),
            ("product.deactivated", str(id), 3),
            ("product.deleted", str(id), 4),
        ]
        assert events[1]["payload"] == {"before": {"stock": 9}, "after": {"stock": 8}}
        assert events[3]["payload"]["after"] == {}
        assert set(events[0]) == {
            *("id", "type", "aggregate", "aggregate_id", "version"),
            *("actor", "request_id", "occurred_at", "payload"),
        }
        history = (await manager.get(f"{PRODUCTS}/{id}/history")).json()
        assert [change["id"] for change in history["items"]] == [event["id"] for event in events]

    async def test_a_refused_write_is_not_told(self, manager: httpx.AsyncClient, create: Create) -> None:
        id = (await create("Lamp"))["id"]
        refused = await manager.put(f"{PRODUCTS}/{id}", json={"stock": 8}, headers={"If-Match": '"7"'})
        assert refused.status_code == 412
        await create("Desk")
        assert told(await follow(manager, 2)) == [("product.created", str(id), 1), ("product.created", str(id + 1), 1)]

    async def test_latest_begins_now(self, manager: httpx.AsyncClient, create: Create) -> None:
        await create("Lamp")
        await end_of(manager, 1)
        page = await read(manager, after="latest")
        assert page["items"] == []
        second = await create("Desk")
        assert [event["aggregate_id"] for event in await follow(manager, 1, page["next"])] == [str(second["id"])]

    async def test_a_cursor_can_be_used_again(self, manager: httpx.AsyncClient, create: Create) -> None:
        for name in ("Lamp", "Desk", "Sofa"):
            await create(name)
        after = (await read(manager, limit=1, wait=5))["next"]
        assert await follow(manager, 2, after) == await follow(manager, 2, after)

    @given(limits=st.lists(st.integers(1, 5), min_size=1, max_size=4))
    async def test_any_chain_has_each_event_once(
        self, container: PicoContainer, manager: httpx.AsyncClient, create: Create, limits: list[int]
    ) -> None:
        await empty_tables(container.get(SessionManager).engine, AppBase.metadata)
        made = [str((await create(f"Lamp {number}"))["id"]) for number in range(7)]
        await end_of(manager, 7)
        seen: list[str] = []
        cursor: dict[str, str] = {}
        for number in range(100):
            page = await read(manager, **cursor, limit=limits[number % len(limits)])
            if not page["items"]:
                break
            seen += [event["aggregate_id"] for event in page["items"]]
            cursor = {"after": page["next"]}
        assert seen == made


class TestTypes:
    async def test_names_and_groups(
        self, app: FastAPI, issuer: Issuer, manager: httpx.AsyncClient, create: Create, viewer: httpx.AsyncClient
    ) -> None:
        await viewer.get("/api/v1/me")
        id = (await create("Lamp", stock=9))["id"]
        await manager.put(f"{PRODUCTS}/{id}", json={"stock": 8})
        async with client_of(app, issuer.token("admin")) as admin:
            assert [event["type"] for event in await follow(admin, 3)] == [
                *("user.created", "product.created", "product.updated")
            ]
            for types, expected in {
                "user.*": ["user.created"],
                "product.*": ["product.created", "product.updated"],
                "product.updated": ["product.updated"],
                "product.updated,user.created": ["user.created", "product.updated"],
                "user.created,product.*,product.*": ["user.created", "product.created", "product.updated"],
                "report.*": [],
            }.items():
                assert [event["type"] for event in (await read(admin, types=types))["items"]] == expected

    async def test_the_cursor_passes_what_is_not_wanted(
        self, container: PicoContainer, admin: httpx.AsyncClient, create: Create
    ) -> None:
        for _ in range(3):
            await create("Lamp")
        end = await end_of(admin, 3)
        page = await read(admin, types="report.*")
        assert page == {"items": [], "next": page["next"]}
        assert await place_of(container, page["next"]) == await place_of(container, end)

    @pytest.mark.one_database
    @pytest.mark.parametrize(
        "types",
        [
            *("", "product", "product.", "product.*,", "*", ".*", "product.**", "order.*", "product.created "),
            *("PRODUCT.*", "product.sold", "\x00", "product.*;user.*", "%", "x" * 5000),
        ],
        ids=ascii,
    )
    async def test_unknown_types_are_refused(self, manager: httpx.AsyncClient, types: str) -> None:
        problem = assert_problem(await manager.get(FEED, params={"types": types}), 422, "validation_failed")
        assert [error["parameter"] for error in problem["errors"]] == ["types"]
        assert len(str(problem)) < 1000


class TestPermissions:
    async def test_events_of_users_and_reports_need_more(
        self, app: FastAPI, issuer: Issuer, manager: httpx.AsyncClient, create: Create, viewer: httpx.AsyncClient
    ) -> None:
        """They hold addresses of people."""
        await viewer.get("/api/v1/me")
        await manager.post("/api/v1/reports/", json={"kind": "inventory", "format": "csv"})
        await create("Lamp")
        assert [event["type"] for event in await follow(manager, 1)] == ["product.created"]
        more = {"users:read": "user.created", "reports:read": "report.requested"}
        for permission, type in more.items():
            async with client_of(app, issuer.token(permissions=["events:read", permission])) as client:
                seen = {event["type"] for event in await follow(client, 3 if type == "report.requested" else 2)}
                assert seen - {"report.finished"} == {type, "product.created"}
        for types, permission in {"user.*": "users:read", "product.*,report.finished": "reports:read"}.items():
            problem = assert_problem(await manager.get(FEED, params={"types": types}), 403, "insufficient_scope")
            assert permission in problem["detail"]

    @pytest.mark.one_database
    async def test_others_get_nothing(self, viewer: httpx.AsyncClient, anonymous: httpx.AsyncClient) -> None:
        assert_problem(await viewer.get(FEED), 403, "insufficient_scope")
        assert_problem(await anonymous.get(FEED), 401, "missing_token")
        for client in (viewer, anonymous):
            stream = await client.get(FEED, headers={"Accept": "text/event-stream"})
            assert stream.status_code in (401, 403)


class TestBadInput:
    @pytest.mark.one_database
    @pytest.mark.parametrize(
        "query",
        [
            *("limit=0", "limit=201", "limit=1.5", "limit=-1", "limit=NaN", "limit=" + "9" * 400),
            *("wait=-1", "wait=31", "wait=1.5", "wait=inf", "wait=", "before=x"),
        ],
    )
    async def test_bounds(self, manager: httpx.AsyncClient, query: str) -> None:
        problem = assert_problem(await manager.get(f"{FEED}?{query}"), 422, "validation_failed")
        assert [error["parameter"] for error in problem["errors"]] == [query.partition("=")[0]]

    @pytest.mark.parametrize("after", ["x", "0", "1", "-1", "LATEST", "null", "\x00", "é", "x" * 10_000], ids=ascii)
    async def test_not_a_cursor(self, manager: httpx.AsyncClient, create: Create, after: str) -> None:
        await create("Lamp")
        problem = assert_problem(await manager.get(FEED, params={"after": after, "wait": 30}), 422, "invalid_cursor")
        assert [error["parameter"] for error in problem["errors"]] == ["after"]

    async def test_a_changed_cursor_and_one_of_another_list(
        self, container: PicoContainer, manager: httpx.AsyncClient, create: Create
    ) -> None:
        await create("Lamp")
        cursor = await end_of(manager, 1)
        other = await container.get(Cursors).encode("products", [0, 1])
        for after in (cursor[:-1], cursor + "A", cursor.swapcase(), other):
            assert_problem(await manager.get(FEED, params={"after": after}), 422, "invalid_cursor")

    async def test_a_cursor_of_an_event_that_is_not_there(
        self, container: PicoContainer, manager: httpx.AsyncClient, create: Create
    ) -> None:
        """The database was restored from a backup, or lost its last transactions in a failover."""
        await create("Lamp")
        txid, id = await place_of(container, await end_of(manager, 1))
        for place in ((txid, id + 1), (txid + 1, id), (0, 10**18), (2**62, 2**62)):
            after = await container.get(Cursors).encode(LIST_NAME, place)
            for wait in (0, 30):
                response = await manager.get(FEED, params={"after": after, "wait": wait})
                assert_problem(response, 422, "invalid_cursor")


async def place_of(container: PicoContainer, cursor: str) -> list[int]:
    place: list[int] = await container.get(Cursors).decode(LIST_NAME, cursor)
    return place


class TestBatch:
    """What the look that all waiting readers share becomes for each of them."""

    @given(
        types=st.lists(st.sampled_from(["product.created", "user.created", "report.failed"]), max_size=12),
        after=st.integers(0, 13),
        limit=st.integers(1, 5),
        wanted=st.sampled_from(
            [ALL_TYPES, WantedTypes(groups=frozenset({"user"})), WantedTypes(hidden=frozenset({"user"}))]
        ),
    )
    def test_parts_have_each_wanted_event_once(
        self, types: list[str], after: int, limit: int, wanted: WantedTypes
    ) -> None:
        events = [PlacedEvent(Position(0, id), recorded(id, type)) for id, type in enumerate(types, 1)]
        batch = Batch(events, events[-1].position if events else START)
        position, seen, more = Position(0, after), [], True
        while more:
            part = batch.part(position, wanted, limit)
            assert len(part.events) <= limit
            assert part.end >= position
            seen += [each.event.id for each in part.events]
            position, more = part.end, part.has_more
        assert seen == [each.event.id for each in events if each.event.id > after and wanted.match(each.event.type)]
        assert position == max(batch.end, Position(0, after))


def recorded(id: int, type: str) -> RecordedEvent:
    return RecordedEvent(id, type, "a", "1", 1, {}, "ann", None, datetime(2026, 1, 2, tzinfo=UTC))
