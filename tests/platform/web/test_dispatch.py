"""A route that is called at once answers as FastAPI would."""

from typing import Any

import httpx
import pytest
from fastapi import FastAPI

from ...conftest import client_of
from ...fixture_types import StartContainer

pytestmark = pytest.mark.one_database

SOLVED_BY_FASTAPI = {"FASTAPI__TELEMETRY": '{"tracing": false, "metrics": false, "logs": false}'}
"""With settings for telemetry, FastAPI searches the route and solves all arguments."""

PATHS = {
    "/nothing": 200,
    "/nothing?x=1": 422,
    "/id/7": 200,
    "/id/0000000007": 200,
    "/id/x": 404,
    "/id/7?q=": 422,
    "/uuid/00000000-0000-4000-8000-000000000000": 200,
    "/uuid/7": 404,
    "/converted/7": 200,
    "/converted/x": 422,
    "/single": 422,
    "/single?q=ab": 200,
    "/single?q=a": 422,
    "/single?q=ab&limit=3&exact=yes": 200,
    "/single?q=%C3%A4%20+%00": 200,
    "/single?q=ab&limit=six&exact=maybe": 422,
    "/single?q=ab&limit=6": 422,
    "/single?q=ab&q=cd": 422,
    "/single?q=ab&colour=red": 422,
    "/model": 200,
    "/model?w=2&colour=&page=3": 200,
    "/model?w=0&page=x": 422,
    "/model?width=2": 422,
    "/model?w=2&w=2": 422,
    "/guarded": 418,
    "/mixed?limit=3": 200,
    "/number/7": 200,
    f"/number/{'9' * 5000}": 404,
    "/dependency": 200,
    "/dependency?x=1": 422,
}


def app(start: StartContainer, shared_url: str, **settings: str) -> FastAPI:
    environment = {"DATABASE__URL": shared_url, **settings}
    return start(environment, modules=["tests.platform.web.solving"]).get(FastAPI)


def seen(response: httpx.Response) -> tuple[int, str | None, Any]:
    content = response.json()
    if isinstance(content, dict):
        content.pop("request_id", None)
    return response.status_code, response.headers.get("Allow"), content


async def test_both_ways_give_the_same_answers(start: StartContainer, shared_url: str) -> None:
    direct, solved = app(start, shared_url), app(start, shared_url, **SOLVED_BY_FASTAPI)
    async with client_of(direct) as ours, client_of(solved) as theirs:
        for path, status in PATHS.items():
            answers = [seen(await client.get(f"/solving{path}")) for client in (ours, theirs)]
            assert answers[0] == answers[1], path
            # What has no route needs a token.
            assert answers[0][0] == (401 if status == 404 else status), path
        for name in ("chair", 7):
            answers = [seen(await client.put("/solving/body/7", json={"name": name})) for client in (ours, theirs)]
            assert answers[0] == answers[1]
        assert (await ours.put("/solving/body/7", json={"name": "chair"})).json() == [7, "chair"]


async def test_a_component_lives_as_long_as_its_request(start: StartContainer, shared_url: str) -> None:
    async with client_of(app(start, shared_url)) as client:
        first, second = [(await client.get("/solving/visit")).json() for _ in range(2)]
    assert first[0] == first[1]
    assert second == [first[0] + 1] * 2
