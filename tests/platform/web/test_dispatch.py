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

JSON = "application/json"
BODIES: list[tuple[bytes, str | None, int]] = [
    (b'{"name": "chair", "p": {"legs": [1, 2.5]}}', JSON, 200),
    (b'{"name": "chair"}', "Application/JSON; charset=latin-1", 200),
    (b'{"name": "chair"}', "application/merge-patch+json", 200),
    (b'{"name": "chair"}', "application/json;;", 200),
    (b'{"name": "chair"}', "text/json", 415),
    (b'{"name": "chair"}', "application/x-www-form-urlencoded", 415),
    (b'{"name": "chair"}', "json", 415),
    (b'{"name": "chair"}', None, 415),
    (b"chair", "text/plain", 415),
    (b"", JSON, 422),
    (b"", None, 422),
    (b"null", JSON, 422),
    (b"[]", JSON, 422),
    (b'"chair"', JSON, 422),
    (b"{}", JSON, 422),
    (b'{"name": 7, "p": {"legs": ["x"], "arms": 1}}', JSON, 422),
    (b'{"name": "a", "name": "b"}', JSON, 200),
    (b'{"name": "chair", "colour": "red"}', JSON, 200),
    (b'{"name": "chair", "p": {"legs": [NaN, 1e400]}}', JSON, 200),
    (b'{"name": "chair"', JSON, 400),
    (b'{"name": "chair"} x', JSON, 400),
    (b"\xff\xfe", JSON, 400),
    (b'{"name": "\xe4"}', JSON, 400),
    (b'\xef\xbb\xbf{"name": "chair"}', JSON, 200),
    (b"[" * 100_000, JSON, 400),
    (b"9" * 5000, JSON, 400),
]


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


async def test_both_ways_read_bodies_alike(start: StartContainer, shared_url: str) -> None:
    direct, solved = app(start, shared_url), app(start, shared_url, **SOLVED_BY_FASTAPI)
    async with client_of(direct) as ours, client_of(solved) as theirs:

        async def answers_to(method: str, path: str, body: bytes, kind: str | None) -> list[Any]:
            headers = {"X-Thing": "lamp"} | ({"Content-Type": kind} if kind else {})
            return [
                seen(await client.request(method, f"/solving{path}", content=body, headers=headers))
                for client in (ours, theirs)
            ]

        for body, kind, status in BODIES:
            answers = await answers_to("PUT", "/body/7", body, kind)
            assert answers[0] == answers[1], body[:100]
            assert answers[0][0] == status, body[:100]
            answers = await answers_to("PUT", "/body/7?x=1", body, kind)
            assert answers[0] == answers[1], body[:100]
            # What refuses the request comes before the validation of the body, and after its parsing.
            answers = await answers_to("POST", "/refused", body, kind)
            assert answers[0] == answers[1], body[:100]
        chair = await ours.put("/solving/body/7", json={"name": "chair", "p": {"legs": [4]}}, headers={"X-Thing": "a"})
        assert chair.json() == [7, "chair", {"legs": [4.0]}, "a"]


async def test_a_component_lives_as_long_as_its_request(start: StartContainer, shared_url: str) -> None:
    async with client_of(app(start, shared_url)) as client:
        first, second = [(await client.get("/solving/visit")).json() for _ in range(2)]
    assert first[0] == first[1]
    assert second == [first[0] + 1] * 2
