"""Operators list deliveries and retry dead letters."""

from collections.abc import AsyncIterator
from typing import Any

import httpx
import pytest
from fastapi import FastAPI
from pico_ioc import PicoContainer

from myapp.platform.errors import ConflictError, NotFoundError
from myapp.platform.events.event import RecordedEvent
from tests.conftest import client_of
from tests.platform.web.problems import assert_problem

from .handlers import fail_with
from .room import Room
from .things import Counted

PATH = "/api/v1/admin/events"


@pytest.fixture
async def operator(room_application: PicoContainer, tokens: dict[str, str]) -> AsyncIterator[httpx.AsyncClient]:
    app: FastAPI = room_application.get(FastAPI)
    async with client_of(app, tokens["admin"]) as client:
        yield client


@pytest.fixture
async def dead(room: Room) -> int:
    """The id of an event that is a dead letter for the listener, and delivered to its neighbour."""
    room.listener.behaviour = fail_with(ValueError("no such thing"))
    await room.happen("a")
    await room.exhaust()
    room.listener.reset()
    [delivery] = await room.deliveries("listener")
    assert delivery.state == "dead"
    event_id: int = delivery.event_id
    return event_id


async def listed(client: httpx.AsyncClient, **params: Any) -> list[dict[str, Any]]:
    response = await client.get(PATH, params=params)
    assert response.status_code == 200, response.text
    items: list[dict[str, Any]] = response.json()["items"]
    return items


class TestList:
    async def test_shows_dead_letters(self, room: Room, operator: httpx.AsyncClient, dead: int) -> None:
        [event] = await room.events("thing.happened")
        response = await operator.get(PATH)
        assert response.json() == {
            "items": [
                {
                    "event_id": dead,
                    "type": "thing.happened",
                    "aggregate": "thing",
                    "aggregate_id": "a",
                    "occurred_at": event.occurred_at.isoformat().replace("+00:00", "Z"),
                    "handler": "listener",
                    "state": "dead",
                    "attempts": 3,
                    "next_at": None,
                    "error": "ValueError: no such thing",
                }
            ],
            "total": 1,
            "page": 1,
            "page_size": 10,
            "pages": 1,
        }
        assert 'rel="first"' in response.headers["link"]

    async def test_by_state_handler_and_type(self, room: Room, operator: httpx.AsyncClient, dead: int) -> None:
        await room.happen("b", kind=Counted)
        assert [item["handler"] for item in await listed(operator, state="delivered")] == ["neighbour"]
        [pending] = await listed(operator, state="pending")
        assert (pending["handler"], pending["attempts"], pending["error"]) == ("clerk", 0, None)
        assert pending["next_at"] == pending["occurred_at"]
        assert [item["event_id"] for item in await listed(operator, handler="listener")] == [dead]
        assert await listed(operator, handler="neighbour") == []
        assert [item["event_id"] for item in await listed(operator, type="thing.happened")] == [dead]
        assert await listed(operator, type="thing.counted") == []
        assert len(await listed(operator, state="pending", type="thing.counted", handler="clerk")) == 1

    async def test_pages_the_newest_first(self, room: Room, operator: httpx.AsyncClient) -> None:
        await room.happen(*"abcde")
        pages = [await listed(operator, state="pending", page=page, page_size=3) for page in (1, 2, 3, 4, 5)]
        assert [len(page) for page in pages] == [3, 3, 3, 1, 0]
        ids = [item["event_id"] for page in pages for item in page]
        assert ids == sorted(ids, reverse=True)
        assert len({(item["event_id"], item["handler"]) for page in pages for item in page}) == 10

    @pytest.mark.one_database
    @pytest.mark.parametrize(
        ("params", "parameter"),
        [
            ({"state": "lost"}, "state"),
            ({"state": ""}, "state"),
            ({"handler": ""}, "handler"),
            ({"handler": "x" * 65}, "handler"),
            ({"handler": "a\x00"}, "handler"),
            ({"type": "a\x00"}, "type"),
            ({"page": "0"}, "page"),
            ({"page_size": "101"}, "page_size"),
            ({"event_id": "1"}, "event_id"),
        ],
    )
    async def test_refuses(self, operator: httpx.AsyncClient, params: dict[str, str], parameter: str) -> None:
        problem = assert_problem(await operator.get(PATH, params=params), 422, "validation_failed")
        assert [error["parameter"] for error in problem["errors"]] == [parameter]


class TestRedeliver:
    async def test_delivers_a_dead_letter(self, room: Room, operator: httpx.AsyncClient, dead: int) -> None:
        response = await operator.post(f"{PATH}/{dead}/redeliver")
        assert (response.status_code, response.json()) == (200, {"event_id": dead, "handlers": ["listener"]})
        [delivery] = await room.deliveries("listener")
        assert (delivery.state, delivery.attempts, delivery.error) == ("pending", 0, None)
        assert await room.relay.deliver_due() == 1
        assert [event.id for event in room.listener.done] == [dead]
        assert len(room.neighbour.done) == 1
        assert await room.states("listener") == ["delivered"]

    async def test_has_all_attempts_again(self, room: Room, operator: httpx.AsyncClient, dead: int) -> None:
        room.listener.behaviour = fail_with(ValueError("still not"))
        await operator.post(f"{PATH}/{dead}/redeliver")
        await room.exhaust()
        [delivery] = await room.deliveries("listener")
        assert (delivery.state, delivery.attempts, delivery.error) == ("dead", 3, "ValueError: still not")
        assert len(room.listener.received) == 3

    @pytest.mark.parametrize("body", [{"handler": "listener"}, {"handler": None}, {}])
    async def test_to_one_handler(
        self, room: Room, operator: httpx.AsyncClient, dead: int, body: dict[str, Any]
    ) -> None:
        other = await operator.post(f"{PATH}/{dead}/redeliver", json={"handler": "neighbour"})
        assert_problem(other, 409, "conflict")
        response = await operator.post(f"{PATH}/{dead}/redeliver", json=body)
        assert response.json()["handlers"] == ["listener"]

    async def test_once(self, room: Room, operator: httpx.AsyncClient, dead: int) -> None:
        assert (await operator.post(f"{PATH}/{dead}/redeliver")).status_code == 200
        assert_problem(await operator.post(f"{PATH}/{dead}/redeliver"), 409, "conflict")

    async def test_only_dead_letters(self, room: Room, operator: httpx.AsyncClient) -> None:
        await room.happen("a")
        [delivery] = await room.deliveries("listener")
        assert_problem(await operator.post(f"{PATH}/{delivery.event_id}/redeliver"), 409, "conflict")

    @pytest.mark.parametrize("event_id", ["0", "9999999999", "2147483648"])
    async def test_unknown_event(self, operator: httpx.AsyncClient, event_id: str) -> None:
        assert_problem(await operator.post(f"{PATH}/{event_id}/redeliver"), 404, "not_found")

    @pytest.mark.one_database
    @pytest.mark.parametrize("event_id", ["-1", "x", "1.0", "9" * 5000])
    async def test_no_id(self, operator: httpx.AsyncClient, event_id: str) -> None:
        assert_problem(await operator.post(f"{PATH}/{event_id}/redeliver"), 404, "route_not_found")

    @pytest.mark.parametrize(
        "body",
        ['{"handler": 1}', '{"handler": ""}', '{"other": 1}', "[]", r'{"handler": "\u0000"}', r'{"handler": "\ud800"}'],
    )
    async def test_refuses(self, operator: httpx.AsyncClient, dead: int, body: str) -> None:
        response = await operator.post(
            f"{PATH}/{dead}/redeliver", content=body, headers={"Content-Type": "application/json"}
        )
        assert response.status_code in (400, 422)


class TestService:
    async def test_redeliver_all(self, room: Room) -> None:
        async def refuse(event: RecordedEvent) -> None:
            raise ValueError

        room.listener.behaviour = room.neighbour.behaviour = room.clerk.behaviour = refuse
        await room.happen(*"abc")
        await room.happen("d", kind=Counted)
        await room.exhaust()
        assert await room.service.redeliver_all("clerk") == 1
        assert await room.service.redeliver_all("clerk") == 0
        assert await room.service.redeliver_all(limit=2) == 4
        assert await room.service.redeliver_all(limit=2) == 2
        assert await room.service.redeliver_all(limit=2) == 0
        for handler in (room.listener, room.neighbour, room.clerk):
            handler.reset()
        assert await room.relay.deliver_due() == 7

    async def test_errors(self, room: Room, dead: int) -> None:
        with pytest.raises(NotFoundError):
            await room.service.redeliver(dead + 1)
        with pytest.raises(ConflictError):
            await room.service.redeliver(dead, "somebody-else")
