"""GET /api/v1/analytics/daily."""

from datetime import UTC, datetime, timedelta
from typing import Any

import httpx
import pytest
from pico_ioc import PicoContainer

from myapp.analytics.events import COUNTED
from myapp.analytics.services import AnalyticsService
from myapp.platform.database.types import utc_now
from myapp.platform.events.event import RecordedEvent

from ..platform.web.problems import assert_invalid, assert_problem

PATH = "/api/v1/analytics/daily"
MARCH = {"from": "2026-03-01", "to": "2026-03-31"}


@pytest.fixture
async def counted(container: PicoContainer) -> None:
    """Count events of two types on March 1 to 4: one on March 1, two on March 2, and so on."""
    await container.get(AnalyticsService).count(
        [
            RecordedEvent(1, type, "product", "1", 1, {}, "system", None, datetime(2026, 3, day, 12, tzinfo=UTC))
            for day in (3, 1, 4, 2)
            for type in ("product.updated", "product.created")
            for _ in range(day)
        ]
    )


class TestAccess:
    @pytest.mark.one_database
    async def test_refuses_an_anonymous_caller(self, anonymous: httpx.AsyncClient) -> None:
        assert_problem(await anonymous.get(PATH), 401, "missing_token")

    @pytest.mark.one_database
    async def test_refuses_a_viewer_and_a_manager(self, viewer: httpx.AsyncClient, manager: httpx.AsyncClient) -> None:
        for client in (viewer, manager):
            problem = assert_problem(await client.get(PATH, params={"from": "x"}), 403, "insufficient_scope")
            assert "events:admin" in problem["detail"]


@pytest.mark.usefixtures("counted")
class TestCounts:
    async def test_come_by_day_and_type(self, admin: httpx.AsyncClient) -> None:
        response = await admin.get(PATH, params=MARCH)
        assert response.json() == [
            {"day": f"2026-03-0{day}", "type": type, "count": day}
            for day in (1, 2, 3, 4)
            for type in ("product.created", "product.updated")
        ]

    @pytest.mark.parametrize(
        ("since", "until", "days"),
        [(1, 4, [1, 2, 3, 4]), (2, 3, [2, 3]), (4, 4, [4]), (5, 31, [])],
    )
    async def test_of_both_ends_are_there(
        self, admin: httpx.AsyncClient, since: int, until: int, days: list[int]
    ) -> None:
        period = {"from": f"2026-03-{since:02}", "to": f"2026-03-{until:02}"}
        rows = (await admin.get(PATH, params=period | {"type": "product.created"})).json()
        assert [row["count"] for row in rows] == days

    async def test_of_one_type(self, admin: httpx.AsyncClient) -> None:
        rows = (await admin.get(PATH, params=MARCH | {"type": "product.updated"})).json()
        assert {row["type"] for row in rows} == {"product.updated"}
        assert (await admin.get(PATH, params=MARCH | {"type": "user.created"})).json() == []

    async def test_are_of_thirty_days_where_the_first_is_not_given(self, admin: httpx.AsyncClient) -> None:
        days = {row["day"] for row in (await admin.get(PATH, params={"to": "2026-03-31"})).json()}
        assert days == {"2026-03-02", "2026-03-03", "2026-03-04"}

    async def test_are_until_today_where_the_last_is_not_given(self, admin: httpx.AsyncClient) -> None:
        yesterday, tomorrow = (utc_now().date() + timedelta(days) for days in (-1, 1))
        assert (await admin.get(PATH, params={"from": str(yesterday)})).status_code == 200
        assert_invalid(await admin.get(PATH, params={"from": str(tomorrow + timedelta(1))}), "from", "empty_period")
        assert (await admin.get(PATH)).status_code == 200


@pytest.mark.one_database
class TestParameters:
    @pytest.mark.parametrize(
        ("parameters", "place", "code"),
        [
            ({"from": "2026-03-02", "to": "2026-03-01"}, "from", "empty_period"),
            ({"from": "2025-03-01", "to": "2026-03-02"}, "from", "long_period"),
            ({"from": "0001-01-01"}, "from", "long_period"),
            ({"from": "2026-02-30", "to": "2026-03-01"}, "from", None),
            ({"from": "2026-03-01", "to": "2026-13-01"}, "to", None),
            ({"to": "0000-01-01"}, "to", None),
            ({"to": "2026-03-01T00:00:00"}, "to", "date"),
            ({"to": "1772323200"}, "to", "date"),
            ({"to": "0"}, "to", "date"),
            ({"to": ""}, "to", "date"),
            ({"to": " 2026-03-01"}, "to", "date"),
            ({"to": "-2026-03-01"}, "to", "date"),
            ({"to": "99999-01-01"}, "to", "date"),
            ({"to": "\uff12026-03-01"}, "to", "date"),
            ({"to": "2026-03-01\x00"}, "to", "date"),
            ({"to": "9" * 5000}, "to", "date"),
            ({"type": "product.craeted"}, "type", "event_type"),
            ({"type": ""}, "type", "event_type"),
            ({"type": "product.created\x00"}, "type", "event_type"),
            ({"until": "2026-03-01"}, "until", "unknown_parameter"),
            ({"since": "2026-03-01"}, "since", "unknown_parameter"),
        ],
        ids=lambda value: str(value)[:40] if isinstance(value, dict) else "",
    )
    async def test_that_mean_nothing_are_refused(
        self, admin: httpx.AsyncClient, parameters: dict[str, str], place: str, code: str | None
    ) -> None:
        assert_invalid(await admin.get(PATH, params=parameters), place, code)

    async def test_may_be_given_once(self, admin: httpx.AsyncClient) -> None:
        query = "?to=2026-03-01&to=2026-03-02"
        assert_invalid(await admin.get(PATH + query), "to", "repeated_parameter")

    @pytest.mark.parametrize(
        "parameters",
        [
            {"to": "0001-01-01"},
            {"from": "0001-01-01", "to": "0001-01-01"},
            {"to": "9999-12-31"},
            {"from": "2025-03-01", "to": "2026-03-01"},
        ],
        ids=str,
    )
    async def test_at_the_ends_of_what_can_be_are_taken(
        self, admin: httpx.AsyncClient, parameters: dict[str, str]
    ) -> None:
        response = await admin.get(PATH, params=parameters)
        assert (response.status_code, response.json()) == (200, [])

    def test_are_documented(self, app: Any, container: PicoContainer) -> None:
        parameters = {found["name"]: found for found in app.openapi()["paths"][PATH]["get"]["parameters"]}
        assert set(parameters) == {"from", "to", "type"}
        assert not any(found["required"] for found in parameters.values())
        assert set(str(parameters["type"]["schema"]).split("'")) >= COUNTED
