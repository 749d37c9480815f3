"""Requesting a report."""

import json
import uuid
from collections.abc import Awaitable, Callable
from datetime import datetime, timedelta
from typing import Any

import httpx
import pytest
from fastapi import FastAPI
from pico_pydantic import ValidationFailedError

from myapp.platform.database.types import utc_now
from myapp.reports.services import ReportService

from ..conftest import client_of
from ..fixture_types import Ask, Json
from ..issuer import Issuer
from ..platform.web.problems import assert_invalid, assert_problem
from .conftest import REPORTS

INVENTORY = {"kind": "inventory", "format": "pdf"}
ACTIVITY = {"kind": "activity", "format": "pdf"}

NO_MOMENTS: list[Any] = [
    "2026-02-01",
    "2026-02-01T00:00:00",
    "2026-02-30T00:00:00Z",
    "2026-02-01T25:00:00Z",
    "2026-02-01T00:00:00+99:99",
    "0001-01-01T00:00:00+01:00",
    "9999-12-31T23:59:59-01:00",
    "99999-01-01T00:00:00Z",
    "1700000000",
    "",
    "now",
    "2026-02-01T00:00:00Z\x00",
    "\ud800",
    "9" * 5000,
    1700000000,
    1.5,
    True,
    [],
    {},
]

BAD_BODIES: list[tuple[Any, str]] = [
    ({"format": "pdf"}, "#/kind"),
    ({"kind": "inventory"}, "#/format"),
    (INVENTORY | {"kind": "sales"}, "#/kind"),
    (INVENTORY | {"kind": "Inventory"}, "#/kind"),
    (INVENTORY | {"kind": None}, "#/kind"),
    (INVENTORY | {"kind": ["inventory"]}, "#/kind"),
    (INVENTORY | {"format": "PDF"}, "#/format"),
    (INVENTORY | {"format": "docx"}, "#/format"),
    (INVENTORY | {"format": "pdf\x00"}, "#/format"),
    (INVENTORY | {"format": 1}, "#/format"),
    (INVENTORY | {"owner": "admin-1"}, "#/owner"),
    (INVENTORY | {"state": "done"}, "#/state"),
    (ACTIVITY | {"period_start": "2026-02-01T00:00:00Z"}, "#/period_start"),
    ([INVENTORY], "#"),
    ("pdf", "#"),
]


class TestCallers:
    @pytest.mark.one_database
    async def test_anonymous(self, anonymous: httpx.AsyncClient) -> None:
        assert_problem(await anonymous.post(REPORTS, json=INVENTORY), 401, "missing_token")

    @pytest.mark.one_database
    async def test_viewer(self, viewer: httpx.AsyncClient) -> None:
        problem = assert_problem(await viewer.post(REPORTS, json=INVENTORY), 403, "insufficient_scope")
        assert "reports:create" in problem["detail"]

    async def test_the_permission_alone(self, app: FastAPI, issuer: Issuer) -> None:
        async with client_of(app, issuer.token(permissions=["reports:create"])) as client:
            assert (await client.post(REPORTS, json=INVENTORY)).status_code == 202


class TestRequest:
    @pytest.mark.parametrize("kind", ["inventory", "price-list", "activity"])
    @pytest.mark.parametrize("format", ["pdf", "csv", "xlsx"])
    async def test_is_accepted(self, manager: httpx.AsyncClient, ask: Ask, kind: str, format: str) -> None:
        response = await manager.post(REPORTS, json={"kind": kind, "format": format})
        report = response.json()
        assert response.status_code == 202
        assert response.headers["location"] == REPORTS + report["id"]
        assert response.headers["etag"] == '"1"'
        assert (report["kind"], report["format"], report["state"]) == (kind, format, "queued")
        assert (report["progress"], report["rows"], report["size"], report["error"]) == (0, 0, None, None)
        assert report["owner"] == "product-manager-1"
        assert "link_key" not in report
        assert (await manager.get(response.headers["location"])).json() == report

    async def test_is_told(self, ask: Ask, events: Callable[[Json], Awaitable[list[Any]]]) -> None:
        report = await ask()
        payload = {"kind": "inventory", "format": "csv", "owner": "product-manager-1", "inline": False}
        assert await events(report) == [("report.requested", payload)]

    async def test_without_the_slash(self, manager: httpx.AsyncClient) -> None:
        response = await manager.post(REPORTS.rstrip("/"), json=INVENTORY)
        assert response.headers["location"] == REPORTS + response.json()["id"]


class TestPeriod:
    async def test_is_kept_in_utc(self, ask: Ask) -> None:
        report = await ask(kind="activity", **{"from": "2026-01-01T00:00:00+02:00", "to": "2026-02-01T00:00:00.5Z"})
        assert (report["from"], report["to"]) == ("2025-12-31T22:00:00Z", "2026-02-01T00:00:00.500000Z")

    async def test_ends_now_unless_told(self, ask: Ask) -> None:
        before = utc_now()
        report = await ask(kind="activity")
        assert report["from"] is None
        assert before <= datetime.fromisoformat(report["to"]) <= utc_now()

    async def test_may_be_null(self, ask: Ask) -> None:
        report = await ask(**{"from": None, "to": None})
        assert (report["from"], report["to"]) == (None, None)

    @pytest.mark.one_database
    @pytest.mark.parametrize(
        ("members", "place"),
        [
            ({"from": "2026-02-01T00:00:00Z", "to": "2026-02-01T00:00:00Z"}, "#/to"),
            ({"from": "2026-02-01T00:00:01Z", "to": "2026-02-01T00:00:00Z"}, "#/to"),
            ({"from": "2026-02-01T00:00:00Z", "to": "2026-02-01T00:00:00+01:00"}, "#/to"),
        ],
    )
    async def test_must_not_be_empty(self, manager: httpx.AsyncClient, members: Json, place: str) -> None:
        assert_invalid(await manager.post(REPORTS, json=ACTIVITY | members), place, "empty_period")

    async def test_begins_in_the_past_and_may_end_in_the_future(self, manager: httpx.AsyncClient, ask: Ask) -> None:
        tomorrow, later = (utc_now() + timedelta(days=1)).isoformat(), (utc_now() + timedelta(days=2)).isoformat()
        for members in ({"from": tomorrow}, {"from": tomorrow, "to": later}):
            assert_invalid(await manager.post(REPORTS, json=ACTIVITY | members), "#/from", "future")
        assert (await ask(kind="activity", to=tomorrow))["to"] > utc_now().isoformat()

    @pytest.mark.one_database
    @pytest.mark.parametrize("name", ["from", "to"])
    async def test_is_of_activity_only(self, manager: httpx.AsyncClient, name: str) -> None:
        body = INVENTORY | {name: "2026-02-01T00:00:00Z"}
        assert_invalid(await manager.post(REPORTS, json=body), f"#/{name}", "no_period")

    @pytest.mark.one_database
    @pytest.mark.parametrize("name", ["from", "to"])
    async def test_must_be_two_moments(self, manager: httpx.AsyncClient, name: str) -> None:
        for value in NO_MOMENTS:
            body = json.dumps(ACTIVITY | {name: value})  # ASCII with escapes, because httpx sends no lone surrogate
            response = await manager.post(REPORTS, content=body, headers={"Content-Type": "application/json"})
            assert_invalid(response, f"#/{name}")


@pytest.mark.one_database
class TestRefused:
    async def test_a_bad_body(self, manager: httpx.AsyncClient) -> None:
        for body, place in BAD_BODIES:
            assert_invalid(await manager.post(REPORTS, json=body), place)
        assert (await manager.get(REPORTS)).json()["total"] == 0

    async def test_parameters(self, manager: httpx.AsyncClient) -> None:
        assert_invalid(await manager.post(REPORTS, json=INVENTORY, params={"kind": "activity"}), "kind")


class TestEmail:
    @pytest.mark.parametrize(
        ("claim", "kept"),
        [("ada@example.com", "ada@example.com"), (None, None), ("", None), ("a\r\nBcc: b", None), (["a@b.c"], None)],
    )
    async def test_comes_from_the_token(
        self, app: FastAPI, issuer: Issuer, reports: ReportService, claim: Any, kept: str | None
    ) -> None:
        async with client_of(app, issuer.token("product-manager", email=claim)) as client:
            report = (await client.post(REPORTS, json=INVENTORY)).json()
        assert (await reports.get_by_id(uuid.UUID(report["id"]))).email == kept


class TestWithoutHttp:
    async def test_a_script_may_ask(self, reports: ReportService) -> None:
        report = await reports.request({"kind": "activity", "format": "csv", "from": "2026-01-01T00:00:00Z"})
        assert (report.owner, report.email) == ("system", None)

    @pytest.mark.one_database
    async def test_bad_data_is_refused(self, reports: ReportService) -> None:
        with pytest.raises(ValidationFailedError):
            await reports.request({"kind": "sales", "format": "csv"})
