"""Reading reports: a single one, and the list."""

import uuid
from datetime import UTC, datetime

import httpx
import pytest
from fastapi import FastAPI
from pico_ioc import PicoContainer

from myapp.platform.database.types import utc_now
from myapp.reports.states import ReportStates
from myapp.reports.sweeps import LeftBehindSweep

from ..conftest import client_of
from ..fixture_types import Ask, Make, Rewrite
from ..issuer import Issuer
from ..platform.web.problems import assert_invalid, assert_problem
from .conftest import REPORTS

NOBODYS = "8a2f7a4e-5b0c-4c3e-9d0f-0f6f4c1f2b3a"


class TestOne:
    @pytest.mark.one_database
    async def test_refuses_an_anonymous_caller(self, anonymous: httpx.AsyncClient, ask: Ask) -> None:
        assert_problem(await anonymous.get(REPORTS + (await ask())["id"]), 401, "missing_token")

    async def test_is_seen_by_its_owner(self, manager: httpx.AsyncClient, ask: Ask) -> None:
        report = await ask()
        response = await manager.get(REPORTS + report["id"])
        assert (response.status_code, response.json()) == (200, report)

    async def test_is_seen_by_an_owner_who_may_ask_no_more(self, app: FastAPI, issuer: Issuer, ask: Ask) -> None:
        report = await ask()
        async with client_of(app, issuer.token("viewer", sub=report["owner"])) as client:
            assert (await client.get(REPORTS + report["id"])).json() == report

    async def test_is_seen_by_who_may_see_all(self, app: FastAPI, issuer: Issuer, ask: Ask) -> None:
        report = await ask()
        for token in (issuer.token("admin"), issuer.token(permissions=["reports:read"])):
            async with client_of(app, token) as client:
                assert (await client.get(REPORTS + report["id"])).json() == report

    async def test_is_not_there_for_others(
        self, stranger: httpx.AsyncClient, viewer: httpx.AsyncClient, ask: Ask
    ) -> None:
        report = await ask()
        for client in (stranger, viewer):
            problem = assert_problem(await client.get(REPORTS + report["id"]), 404, "not_found")
            unknown = assert_problem(await client.get(REPORTS + NOBODYS), 404, "not_found")
            assert problem["detail"] == unknown["detail"]

    async def test_an_impossible_one_is_not_there(self, admin: httpx.AsyncClient) -> None:
        for id in ("1", "0", "-1", "x", "9" * 5000, NOBODYS + "0", NOBODYS[:-1], "%00", "{" + NOBODYS + "}"):
            for path in (id, f"{id}/file", f"{id}/download"):
                assert (await admin.get(REPORTS + path)).status_code == 404

    async def test_is_not_sent_again_unchanged(self, manager: httpx.AsyncClient, ask: Ask) -> None:
        report = await ask()
        path = REPORTS + report["id"]
        etag = (await manager.get(path)).headers["etag"]
        assert (await manager.get(path, headers={"If-None-Match": etag})).status_code == 304
        await manager.post(path + "/cancel")
        assert (await manager.get(path, headers={"If-None-Match": etag})).status_code == 200


class TestWaiting:
    """``waiting_since`` and ``detail`` of a report that nobody makes."""

    async def test_for_a_worker(self, manager: httpx.AsyncClient, ask: Ask, rewrite: Rewrite) -> None:
        report = await ask()
        assert report["waiting_since"] == report["updated_at"]
        await rewrite(report, updated_at=datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC))
        report = (await manager.get(REPORTS + report["id"])).json()
        assert report["waiting_since"] == "2026-01-02T03:04:05Z"
        assert report["detail"] == (
            "The report waits since 2026-01-02 03:04:05 UTC for a worker. "
            "If that is long ago, perhaps no worker is running."
        )
        assert (await manager.get(REPORTS)).json()["items"] == [report]

    async def test_for_the_process_that_took_the_request(
        self, manager: httpx.AsyncClient, ask: Ask, rewrite: Rewrite
    ) -> None:
        report = await ask()
        await rewrite(report, inline=True)
        assert "the process that took the request" in (await manager.get(REPORTS + report["id"])).json()["detail"]

    async def test_for_the_next_attempt(
        self, manager: httpx.AsyncClient, ask: Ask, rewrite: Rewrite, container: PicoContainer
    ) -> None:
        report = await ask()
        states = container.get(ReportStates)
        claimed = await states.claim(uuid.UUID(report["id"]))
        assert claimed
        running = (await manager.get(REPORTS + report["id"])).json()
        assert (running["state"], running["waiting_since"], running["detail"]) == ("running", None, None)
        assert await states.retry_later(claimed)
        waiting = (await manager.get(REPORTS + report["id"])).json()
        assert waiting["waiting_since"] > report["waiting_since"]
        assert waiting["detail"].startswith("Attempt 1 had a temporary fault.")

    async def test_never_ends_because_it_is_sent_again(
        self, manager: httpx.AsyncClient, ask: Ask, rewrite: Rewrite, container: PicoContainer
    ) -> None:
        report = await ask()
        await rewrite(report, lease_until=utc_now(), updated_at=datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC))
        await container.get(LeftBehindSweep).sweep()
        again = await manager.get(REPORTS + report["id"])
        assert again.json()["waiting_since"] == "2026-01-02T03:04:05Z"

    async def test_not_when_it_is_finished(self, make: Make) -> None:
        done = await make()
        assert (done["waiting_since"], done["detail"]) == (None, None)


class TestList:
    @pytest.mark.one_database
    async def test_refuses_an_anonymous_caller(self, anonymous: httpx.AsyncClient) -> None:
        assert_problem(await anonymous.get(REPORTS), 401, "missing_token")

    async def test_is_empty_at_first(self, viewer: httpx.AsyncClient) -> None:
        page = (await viewer.get(REPORTS)).json()
        assert page == {"items": [], "total": 0, "page": 1, "page_size": 10, "pages": 0}

    async def test_has_the_callers_own_newest_first(
        self, manager: httpx.AsyncClient, stranger: httpx.AsyncClient, ask: Ask
    ) -> None:
        first, second, others = await ask(), await ask(kind="activity"), await ask(stranger)
        assert (await manager.get(REPORTS)).json()["items"] == [second, first]
        assert (await stranger.get(REPORTS)).json()["items"] == [others]

    async def test_has_everybodys_for_who_may_see_all(
        self, admin: httpx.AsyncClient, stranger: httpx.AsyncClient, ask: Ask
    ) -> None:
        reports = [await ask(), await ask(stranger), await ask(admin)]
        assert (await admin.get(REPORTS)).json()["items"] == reports[::-1]

    async def test_of_one_state_and_kind(self, manager: httpx.AsyncClient, ask: Ask) -> None:
        inventory, activity = await ask(), await ask(kind="activity")
        activity = (await manager.post(f"{REPORTS}{activity['id']}/cancel")).json()
        for parameters, found in (
            ({"state": "queued"}, [inventory]),
            ({"state": "cancelled"}, [activity]),
            ({"state": "done"}, []),
            ({"kind": "activity"}, [activity]),
            ({"kind": "price-list"}, []),
            ({"kind": "inventory", "state": "cancelled"}, []),
            ({"kind": "inventory", "state": "queued"}, [inventory]),
        ):
            page = (await manager.get(REPORTS, params=parameters)).json()
            assert (page["items"], page["total"]) == (found, len(found)), parameters

    async def test_in_another_order(self, manager: httpx.AsyncClient, ask: Ask, rewrite: Rewrite) -> None:
        """The order is always defined: reports that are equal are sorted by id."""
        reports = [await ask(kind=kind) for kind in ("price-list", "activity", "inventory", "activity")]
        moment = utc_now()
        for report in reports:
            await rewrite(report, created_at=moment)
        ids = sorted(report["id"] for report in reports)
        assert [item["id"] for item in (await manager.get(REPORTS)).json()["items"]] == ids
        found = (await manager.get(REPORTS, params={"sort": "-kind,created_at"})).json()["items"]
        assert [item["kind"] for item in found] == ["price-list", "inventory", "activity", "activity"]

    async def test_page_by_page(self, manager: httpx.AsyncClient, ask: Ask) -> None:
        reports = [await ask() for _ in range(5)][::-1]
        response = await manager.get(REPORTS, params={"page": 2, "page_size": 2})
        assert response.json() == {"items": reports[2:4], "total": 5, "page": 2, "page_size": 2, "pages": 3}
        assert 'rel="next"' in response.headers["link"]

    @pytest.mark.one_database
    @pytest.mark.parametrize(
        ("name", "value"),
        [
            ("state", "finished"),
            ("state", ""),
            ("state", "Done"),
            ("kind", "sales"),
            ("kind", "inventory\x00"),
            ("sort", "owner"),
            ("sort", "link_key"),
            ("sort", ""),
            ("sort", "kind,kind"),
            ("page", "0"),
            ("page_size", "101"),
            ("owner", "stranger"),
        ],
    )
    async def test_refuses_bad_parameters(self, manager: httpx.AsyncClient, name: str, value: str) -> None:
        assert_invalid(await manager.get(REPORTS, params={name: value}), name)
