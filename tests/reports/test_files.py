"""Downloading the file of a report, with a token and with a signed link."""

import uuid
from collections.abc import Awaitable, Callable
from datetime import timedelta
from pathlib import Path

import httpx
import pytest
from fastapi import FastAPI
from pico_ioc import PicoContainer

from myapp.platform.database.types import utc_now
from myapp.platform.storage.files import Storage
from myapp.reports.services import ReportService

from ..conftest import client_of
from ..fixture_types import Ask, Make, Rewrite, StartContainer
from ..issuer import Issuer
from ..platform.web.problems import assert_invalid, assert_problem
from .conftest import ORDER, REPORTS, STORAGE_DOWN


class TestFile:
    @pytest.mark.one_database
    async def test_refuses_an_anonymous_caller(self, anonymous: httpx.AsyncClient, make: Make) -> None:
        assert_problem(await anonymous.get(f"{REPORTS}{(await make())['id']}/file"), 401, "missing_token")

    @pytest.mark.parametrize(
        ("format", "media_type", "beginning"),
        [
            ("pdf", "application/pdf", b"%PDF-"),
            ("csv", "text/csv; charset=utf-8", b"\xef\xbb\xbfId,Name,"),
            ("xlsx", "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet", b"PK"),
        ],
    )
    async def test_is_an_attachment(
        self, manager: httpx.AsyncClient, make: Make, format: str, media_type: str, beginning: bytes
    ) -> None:
        report = await make(format=format)
        response = await manager.get(f"{REPORTS}{report['id']}/file")
        assert response.status_code == 200
        assert response.headers["content-type"] == media_type
        assert response.headers["content-disposition"] == (
            f'attachment; filename="inventory-{report["created_at"][:10]}.{format}"'
        )
        assert response.headers["cache-control"] == "no-store"
        assert response.content.startswith(beginning)
        assert len(response.content) == report["size"] == int(response.headers["content-length"])

    async def test_is_not_there_for_others(
        self, stranger: httpx.AsyncClient, admin: httpx.AsyncClient, make: Make
    ) -> None:
        report = await make()
        assert_problem(await stranger.get(f"{REPORTS}{report['id']}/file"), 404, "not_found")
        assert (await admin.get(f"{REPORTS}{report['id']}/file")).status_code == 200

    @pytest.mark.parametrize("state", ["queued", "running", "failed", "cancelled"])
    async def test_is_a_conflict_where_there_is_none(
        self, manager: httpx.AsyncClient, ask: Ask, rewrite: Rewrite, state: str
    ) -> None:
        report = await ask()
        await rewrite(report, state=state)
        problem = assert_problem(await manager.get(f"{REPORTS}{report['id']}/file"), 409, "conflict")
        assert state in problem["detail"]

    async def test_is_gone_when_its_time_is_over(
        self, manager: httpx.AsyncClient, make: Make, rewrite: Rewrite
    ) -> None:
        """With or without a sweep in between."""
        report = await make()
        expires = (utc_now() + timedelta(days=7)).isoformat()
        assert report["finished_at"] < report["expires_at"] <= expires
        await rewrite(report, expires_at=utc_now())
        assert_problem(await manager.get(f"{REPORTS}{report['id']}/file"), 410, "gone")
        await rewrite(report, state="expired")
        assert_problem(await manager.get(f"{REPORTS}{report['id']}/file"), 410, "gone")

    async def test_is_gone_when_the_storage_has_lost_it(
        self, container: PicoContainer, manager: httpx.AsyncClient, make: Make
    ) -> None:
        report = await make()
        await container.get(Storage).delete(f"reports/{report['id']}.csv")
        assert_problem(await manager.get(f"{REPORTS}{report['id']}/file"), 410, "gone")

    async def test_waits_for_a_storage_that_is_down(
        self, start: StartContainer, database_url: str, issuer: Issuer, tmp_path: Path
    ) -> None:
        container = start({"DATABASE__URL": database_url, "STORAGE__URL": str(tmp_path)})
        away = start({"DATABASE__URL": database_url, **STORAGE_DOWN})
        async with client_of(container.get(FastAPI), issuer.token("admin")) as client:
            report = (await client.post(REPORTS, json={"kind": "activity", "format": "csv"})).json()
            assert (await client.get(f"{REPORTS}{report['id']}/file")).status_code == 200
        async with client_of(away.get(FastAPI), issuer.token("admin")) as client:
            assert_problem(await client.get(f"{REPORTS}{report['id']}/file"), 503, "storage_unavailable")


class TestS3:
    async def test_keeps_files_as_a_folder_does(
        self, start: StartContainer, database_url: str, issuer: Issuer, s3_server: str
    ) -> None:
        environment = STORAGE_DOWN | {"STORAGE__ENDPOINT": s3_server}
        async with client_of(
            start({"DATABASE__URL": database_url, **environment}).get(FastAPI), issuer.token("admin")
        ) as client:
            response = await client.post(REPORTS, json=ORDER | {"format": "pdf"})
            file = await client.get(response.headers["location"] + "/file")
            report = (await client.get(response.headers["location"])).json()
        assert report["state"] == "done"
        assert file.content.startswith(b"%PDF-")
        assert len(file.content) == report["size"]


@pytest.fixture
def link(make: Make, reports: ReportService) -> Callable[[], Awaitable[str]]:
    async def make_one() -> str:
        made = await reports.link(uuid.UUID((await make())["id"]))
        assert made
        return made

    return make_one


Link = Callable[[], Awaitable[str]]


class TestLink:
    async def test_needs_no_token(self, anonymous: httpx.AsyncClient, link: Link) -> None:
        url = await link()
        assert url.startswith("http://127.0.0.1:8000/api/v1/reports/")
        response = await anonymous.get(url)
        assert response.status_code == 200
        assert response.content.startswith(b"\xef\xbb\xbfId,Name,")
        assert response.headers["content-disposition"].startswith("attachment")

    async def test_leads_to_where_clients_find_the_service(self, start: StartContainer, database_url: str) -> None:
        container = start({"DATABASE__URL": database_url, "WEB__PUBLIC_URL": "https://shop.example.com/api/"})
        service = container.get(ReportService)
        report = await service.request({"kind": "activity", "format": "csv"})
        assert await service.link(report.id) is None
        await service.make(report.id)
        made = await service.link(report.id)
        assert made
        assert made.startswith(f"https://shop.example.com/api/api/v1/reports/{report.id}/download?")

    async def test_is_good_for_this_report_only(self, anonymous: httpx.AsyncClient, make: Make, link: Link) -> None:
        url, other = httpx.URL(await link()), await make()
        response = await anonymous.get(f"{REPORTS}{other['id']}/download", params=url.params)
        assert_problem(response, 403, "invalid_link")

    async def test_tells_nothing_of_what_there_is(self, anonymous: httpx.AsyncClient, link: Link) -> None:
        url = httpx.URL(await link())
        unknown = await anonymous.get(f"{REPORTS}{uuid.uuid4()}/download", params=url.params)
        known = await anonymous.get(url.copy_set_param("signature", "0" * 64))
        assert (
            assert_problem(unknown, 403, "invalid_link")["detail"]
            == assert_problem(known, 403, "invalid_link")["detail"]
        )

    @pytest.mark.one_database
    @pytest.mark.parametrize("name", ["expires", "signature"])
    async def test_no_changed_one_is_good(self, anonymous: httpx.AsyncClient, link: Link, name: str) -> None:
        url = httpx.URL(await link())
        value = url.params[name]
        first, last = ("1" if value[place] != "1" else "2" for place in (0, -1))
        changed = [
            first + value[1:],
            value[:-1] + last,
            value + "0",
            value[:-1],
            "",
            f"+{value}",
            "é" * 9,
            value + "\x00",
        ]
        for other in changed:
            assert_problem(await anonymous.get(url.copy_set_param(name, other)), 403, "invalid_link")

    @pytest.mark.one_database
    @pytest.mark.parametrize("name", ["expires", "signature"])
    async def test_half_of_one_is_refused(self, anonymous: httpx.AsyncClient, link: Link, name: str) -> None:
        url = httpx.URL(await link())
        assert_invalid(await anonymous.get(url.copy_remove_param(name)), name)
        assert_invalid(await anonymous.get(url.copy_set_param(name, "0" * 101)), name)

    async def test_expires_and_says_so(
        self, anonymous: httpx.AsyncClient, make: Make, reports: ReportService, rewrite: Rewrite
    ) -> None:
        report = await make()
        await rewrite(report, expires_at=utc_now())  # no link is valid for longer than the file
        url = await reports.link(uuid.UUID(report["id"]))
        await rewrite(report, expires_at=utc_now() + timedelta(days=1))
        assert url
        assert_problem(await anonymous.get(url), 410, "gone")

    async def test_ends_with_the_report(
        self, anonymous: httpx.AsyncClient, make: Make, reports: ReportService, rewrite: Rewrite
    ) -> None:
        report = await make()
        url = await reports.link(uuid.UUID(report["id"]))
        assert url
        await rewrite(report, expires_at=utc_now())
        assert_problem(await anonymous.get(url), 410, "gone")
        await rewrite(report, state="expired")
        assert await reports.link(uuid.UUID(report["id"])) is None


class TestReadFile:
    """Reading a file to attach it to a mail."""

    async def test_small_or_not_at_all(self, make: Make, reports: ReportService) -> None:
        report = await make()
        id = uuid.UUID(report["id"])
        content = await reports.read_file(id, report["size"])
        assert content
        assert len(content) == report["size"]
        assert await reports.read_file(id, report["size"] - 1) is None

    async def test_of_what_is_not_there(self, ask: Ask, make: Make, reports: ReportService, rewrite: Rewrite) -> None:
        queued, expired = await ask(), await make()
        await rewrite(expired, expires_at=utc_now())
        for id in (uuid.UUID(queued["id"]), uuid.UUID(expired["id"]), uuid.uuid4()):
            assert await reports.read_file(id, 10**9) is None
