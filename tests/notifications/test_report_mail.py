"""The mail to the user who requested a report."""

import re
import uuid
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import httpx
import pytest
from fastapi import FastAPI
from pico_ioc import PicoContainer

from myapp.reports.files import MEDIA_TYPES
from myapp.reports.services import ReportService

from ..conftest import client_of
from ..fixture_types import StartContainer
from ..issuer import Issuer
from ..platform.mail.server import MailServer
from .conftest import deliver, settings_for

REPORTS = "/api/v1/reports/"


async def report(container: PicoContainer, client: httpx.AsyncClient, kind: str, file_format: str) -> dict[str, Any]:
    """Request a report and make it. Return it as the API answers it."""
    await client.post("/api/v1/products/", json={"name": "Καρέκλα", "price": 9.5})
    asked = await client.post(REPORTS, json={"kind": kind, "format": file_format})
    assert asked.status_code == 202, asked.text
    await container.get(ReportService).make(uuid.UUID(asked.json()["id"]))
    made: dict[str, Any] = (await client.get(REPORTS + asked.json()["id"])).json()
    return made


@pytest.fixture
async def ada(app: FastAPI, issuer: Issuer) -> AsyncIterator[httpx.AsyncClient]:
    async with client_of(app, issuer.token("product-manager", sub="ada", email="ada@example.com")) as client:
        yield client


@pytest.mark.parametrize(
    ("file_format", "media_type"), [("pdf", "application/pdf"), ("csv", "text/csv"), ("xlsx", MEDIA_TYPES["xlsx"])]
)
async def test_has_a_small_file_with_it(
    ada: httpx.AsyncClient, container: PicoContainer, mail_server: MailServer, file_format: str, media_type: str
) -> None:
    made = await report(container, ada, "price-list", file_format)
    (delivery,) = await deliver(container, "report-mail")
    assert delivery.state == "delivered"
    (mail,) = mail_server.received
    assert mail.recipients == ("ada@example.com",)
    assert mail.message["Subject"] == "Your report is ready: price-list"
    assert "It has 1 row." in mail.text
    (attachment,) = mail.message.iter_attachments()
    assert re.fullmatch(rf"price-list-\d{{4}}-\d\d-\d\d\.{file_format}", str(attachment.get_filename()))
    assert attachment.get_content_type() == media_type
    file = await ada.get(f"{REPORTS}{made['id']}/file")
    assert attachment.get_payload(decode=True) == file.content


async def test_has_a_link_to_a_large_file(
    start: StartContainer, database_url: str, mail_server: MailServer, issuer: Issuer
) -> None:
    settings = {
        "DATABASE__URL": database_url,
        "REPORTS__ATTACH_MAX_BYTES": "10",
        "WEB__PUBLIC_URL": "https://shop.example.com/api-of-ours",
        **settings_for(mail_server),
    }
    container = start(settings)
    app = container.get(FastAPI)
    async with client_of(
        app, issuer.token("admin", sub="ada", email="ada@example.com", roles=["product-manager"])
    ) as ada:
        made = await report(container, ada, "inventory", "csv")
        file = await ada.get(f"{REPORTS}{made['id']}/file")
    await deliver(container, "report-mail")
    (mail,) = mail_server.received
    assert not mail.message.is_multipart()
    (link,) = re.findall(r"https://shop\.example\.com/api-of-ours(/\S+)", mail.text)
    async with client_of(app) as anonymous:
        fetched = await anonymous.get(link)
        assert (fetched.status_code, fetched.content) == (200, file.content)
        assert (await anonymous.get(link + "0")).status_code == 403


async def test_does_not_come_without_an_address(
    manager: httpx.AsyncClient, container: PicoContainer, mail_server: MailServer
) -> None:
    assert (await report(container, manager, "inventory", "csv"))["state"] == "done"
    assert [delivery.state for delivery in await deliver(container, "report-mail")] == ["delivered"]
    assert not mail_server.received


async def test_tells_of_a_failure(
    start: StartContainer, database_url: str, mail_server: MailServer, issuer: Issuer, tmp_path: Path
) -> None:
    settings = {
        "DATABASE__URL": database_url,
        "STORAGE__URL": str(tmp_path / "files"),
        "REPORTS__MAX_ATTEMPTS": "1",
        **settings_for(mail_server),
    }
    container = start(settings)
    (tmp_path / "files").write_text("not a folder")
    token = issuer.token("product-manager", sub="ada", email="ada@example.com")
    async with client_of(container.get(FastAPI), token) as ada:
        made = await report(container, ada, "inventory", "csv")
    assert made["state"] == "failed"
    await deliver(container, "report-mail")
    (mail,) = mail_server.received
    assert mail.message["Subject"] == "Your report could not be made: inventory"
    assert made["error"] in mail.text
