"""Fixtures of reports that are not made until a test makes them."""

import uuid
from collections.abc import AsyncIterator
from typing import Any

import httpx
import pytest
from fastapi import FastAPI
from pico_ioc import PicoContainer
from pico_sqlalchemy import SessionManager
from sqlalchemy import select, update

from myapp.platform.errors import NotFoundError
from myapp.platform.events.models import Event
from myapp.platform.storage.files import Storage
from myapp.reports.models import Report
from myapp.reports.services import ReportService

from ..conftest import build, client_of
from ..fixture_types import Ask, Create, Events, HasFile, Json, Make, Rewrite
from ..issuer import Issuer
from ..platform.storage.conftest import s3_server as s3_server
from ..products.conftest import fill as fill

REPORTS = "/api/v1/reports/"

QUICK = {"REPORTS__INLINE_ROWS": "0", "REPORTS__HEARTBEAT": "0.02", "REPORTS__LEASE": "5", "REPORTS__BATCH_SIZE": "10"}
"""Settings for which no report with rows is inline."""

STORAGE_DOWN = {
    "STORAGE__URL": "s3://files",
    "STORAGE__ENDPOINT": "http://127.0.0.1:9",
    "STORAGE__ALLOW_HTTP": "true",
    "STORAGE__ACCESS_KEY": "key",
    "STORAGE__RETRIES": "0",
}
"""Settings of a storage that is down: nothing listens on the port `discard`."""

ORDER = {"kind": "inventory", "format": "csv"}


@pytest.fixture(scope="session")
async def shared_container(shared_url: str, issuer: Issuer, folders: dict[str, str]) -> AsyncIterator[PicoContainer]:
    container = build({"DATABASE__URL": shared_url, "AUTH_CLIENT__ISSUER": issuer.url, **folders, **QUICK})
    yield container
    await container.ashutdown()


@pytest.fixture
async def stranger(app: FastAPI, issuer: Issuer) -> AsyncIterator[httpx.AsyncClient]:
    """Return the client of another caller with the role of ``manager``."""
    async with client_of(app, issuer.token("product-manager", sub="stranger")) as client:
        yield client


@pytest.fixture
def reports(container: PicoContainer) -> ReportService:
    made: ReportService = container.get(ReportService)
    return made


@pytest.fixture
async def ask(manager: httpx.AsyncClient, create: Create) -> Ask:
    """``await ask(kind="activity")`` requests a report and returns the answer. There is one product."""
    await create()

    async def ask_one(client: httpx.AsyncClient = manager, **members: Any) -> Json:
        response = await client.post(REPORTS, json=ORDER | members)
        assert response.status_code == 202, response.text
        made: Json = response.json()
        return made

    return ask_one


@pytest.fixture
def make(ask: Ask, reports: ReportService, manager: httpx.AsyncClient) -> Make:
    """``await make(kind="activity")`` requests a report, makes it and returns it."""

    async def make_one(**members: Any) -> Json:
        report = await ask(**members)
        await reports.make(uuid.UUID(report["id"]))
        made: Json = (await manager.get(REPORTS + report["id"])).json()
        assert made["state"] == "done"
        return made

    return make_one


@pytest.fixture
def rewrite(container: PicoContainer) -> Rewrite:
    """Set columns of a report directly, as time or a crash would."""

    async def set_columns(report: Json, **values: Any) -> None:
        await rewrite_in(container, uuid.UUID(report["id"]), **values)

    return set_columns


async def rewrite_in(container: PicoContainer, report_id: uuid.UUID, **values: Any) -> None:
    async with container.get(SessionManager).engine.begin() as connection:
        await connection.execute(update(Report).where(Report.id == report_id).values(**values))


@pytest.fixture
def events(container: PicoContainer) -> Events:
    """Return type and payload of the events of a report."""

    async def read(report: Json) -> list[tuple[str, Json]]:
        statement = select(Event.type, Event.payload).where(Event.aggregate_id == report["id"]).order_by(Event.id)
        async with container.get(SessionManager).engine.connect() as connection:
            return [(row.type, row.payload) for row in await connection.execute(statement)]

    return read


@pytest.fixture
def has_file(container: PicoContainer) -> HasFile:
    async def look(report: Json) -> bool:
        return await is_stored(container, report)

    return look


async def is_stored(container: PicoContainer, report: Json) -> bool:
    try:
        return bool(await container.get(Storage).size(f"reports/{report['id']}.{report['format']}"))
    except NotFoundError:
        return False
