"""The content of each kind of report."""

import csv
import io
from collections.abc import Awaitable, Callable
from datetime import datetime
from typing import Any, get_args

import httpx
import pytest
from fastapi import FastAPI
from pico_ioc import PicoContainer
from pypdf import PdfReader

from myapp.platform.database.types import utc_now
from myapp.reports.making import ReportMaker
from myapp.reports.schemas import Kind
from myapp.reports.services import ReportService

from ..conftest import client_of
from ..fixture_types import Create, Fill, Make
from ..issuer import Issuer
from .conftest import REPORTS

PRODUCTS = "/api/v1/products/"


@pytest.fixture
def rows(manager: httpx.AsyncClient, make: Make) -> Callable[..., Awaitable[list[list[str]]]]:
    """``await rows("inventory")`` makes a CSV report and returns its rows without the header."""

    async def read(kind: str, **members: Any) -> list[list[str]]:
        report = await make(kind=kind, format="csv", **members)
        content = (await manager.get(f"{REPORTS}{report['id']}/file")).content.decode("utf-8-sig")
        found = list(csv.reader(io.StringIO(content)))[1:]
        assert len(found) == report["rows"]
        return found

    return read


Rows = Callable[..., Awaitable[list[list[str]]]]


@pytest.fixture
def pdf(manager: httpx.AsyncClient, make: Make) -> Callable[..., Awaitable[str]]:
    """``await pdf("inventory")`` makes a PDF report and returns its text."""

    async def read(kind: str, **members: Any) -> str:
        report = await make(kind=kind, format="pdf", **members)
        content = (await manager.get(f"{REPORTS}{report['id']}/file")).content
        return "\n".join(page.extract_text() for page in PdfReader(io.BytesIO(content)).pages)

    return read


Pdf = Callable[..., Awaitable[str]]


def test_every_kind_can_be_asked_for_and_made(container: PicoContainer) -> None:
    assert set(container.get(ReportMaker).kinds) == set(get_args(Kind))


class TestInventory:
    async def test_has_every_product(self, manager: httpx.AsyncClient, rows: Rows, create: Create) -> None:
        first = await create("Chair", price=1234.5, stock=7)
        second = await create("=1+1", price=0.01, stock=2_147_483_647)
        await manager.patch(f"{PRODUCTS}{first['id']}/deactivate")
        found = await rows("inventory")
        assert found[1:] == [
            [str(first["id"]), "Chair", "1234.50", "7", "8641.50", "no"],
            [str(second["id"]), "'=1+1", "0.01", "2147483647", "21474836.47", "yes"],
        ]

    async def test_has_totals_and_what_is_low(self, manager: httpx.AsyncClient, pdf: Pdf, create: Create) -> None:
        await create("Plenty", price=2, stock=100)
        await create("Scarce", price=1000, stock=5)
        gone = await create("Retired", price=1, stock=0)
        await manager.patch(f"{PRODUCTS}{gone['id']}/deactivate")
        text = await pdf("inventory")
        assert "Value of the stock" in text
        assert "5,200.00 EUR" in text
        assert "Price (EUR)" in text
        low = text.rpartition("Low stock")[2]
        assert "Scarce" in low
        assert "Plenty" not in low
        assert "Retired" not in low

    async def test_of_nothing(self, manager: httpx.AsyncClient, reports: ReportService) -> None:
        for kind in ("inventory", "price-list", "activity"):
            for format in ("pdf", "csv", "xlsx"):
                report = (await manager.post(REPORTS, json={"kind": kind, "format": format})).json()
                made = (await manager.get(REPORTS + report["id"])).json()
                assert (made["state"], made["rows"], made["progress"]) == ("done", 0, 100)


class TestPriceList:
    async def test_has_active_products_by_name(
        self, manager: httpx.AsyncClient, rows: Rows, create: Create, fill: Fill
    ) -> None:
        await fill(25)  # more than one batch; every third product is inactive
        for name in ("zebra", "Äpfel", "apple", "Zoo", "apple"):
            await create(name, price=5, description='Good, "cheap"\nand new')
        found = await rows("price-list")
        names = [row[0] for row in found]
        assert names[:4] == ["Äpfel", "apple", "apple", "Lamp"]
        assert names[4:-2] == [f"Product {number:06}" for number in range(25) if number % 3 != 2]
        assert names[-2:] == ["zebra", "Zoo"]
        assert found[1][1:3] == ['Good, "cheap"\nand new', "5.00"]
        assert int(found[1][3]) < int(found[2][3])

    async def test_has_a_chart_of_prices(self, pdf: Pdf, create: Create) -> None:
        for price in (9.99, 10, 5000):
            await create(price=price)
        text = await pdf("price-list")
        assert "Products by price (EUR)" in text
        assert "9.99 EUR" in text
        assert "5,000.00 EUR" in text


class TestActivity:
    async def test_has_every_change(self, manager: httpx.AsyncClient, rows: Rows, create: Create) -> None:
        lamp = await create("Desk", price=10, stock=50)
        path = f"{PRODUCTS}{lamp['id']}"
        await manager.put(path, json={"price": 12.5, "description": "Solid"})
        await manager.put(path, json={"tags": ["oak", "new"], "attributes": {"lit": False, "price": 9.5, "watts": 3}})
        await manager.patch(f"{path}/deactivate")
        await manager.put(path, json={"active": True})
        order = {"lines": [{"product_id": lamp["id"], "delta": -2}], "reason": "broken", "reference": "R-7"}
        await manager.post("/api/v1/stock-adjustments", json=order, headers={"Idempotency-Key": "a"})
        rest = "sku: nothing; gtin: nothing; tags: nothing; attributes: nothing"
        found = [row[1:] for row in await rows("activity") if row[3] == str(lamp["id"])]
        who, id = "product-manager-1", str(lamp["id"])
        assert found == [
            [who, "created", id, f"name: Desk; description: nothing; price: 10.00 EUR; stock: 50; active: yes; {rest}"],
            [who, "updated", id, "description: nothing → Solid; price: 10.00 EUR → 12.50 EUR"],
            [who, "updated", id, "tags: nothing → new, oak; attributes: nothing → lit = no, price = 9.5, watts = 3"],
            [who, "deactivated", id, "active: yes → no"],
            [who, "activated", id, "active: no → yes"],
            [who, "stock adjusted", id, "stock: 50 → 48 (broken, R-7)"],
        ]

    async def test_names_who_is_known(
        self, app: FastAPI, issuer: Issuer, manager: httpx.AsyncClient, rows: Rows, create: Create
    ) -> None:
        """By name, else by address, else by the subject of the token."""
        known = {
            "named": {"name": "Ada Lovelace", "email": "ada@example.com"},
            "addressed": {"email": "grace@example.com"},
            "nameless": {},
        }
        for subject, claims in known.items():
            async with client_of(app, issuer.token("product-manager", sub=subject, **claims)) as client:
                await client.get("/api/v1/me")
                await client.post(PRODUCTS, json={"name": f"By {subject}", "price": 1})
        await create("By a stranger")
        assert [row[1] for row in await rows("activity")][1:] == [
            "Ada Lovelace",
            "grace@example.com",
            "nameless",
            "product-manager-1",
        ]

    async def test_has_those_of_its_period(self, manager: httpx.AsyncClient, rows: Rows, create: Create) -> None:
        """The start of the period is inclusive, the end is exclusive."""
        await create("Before")
        made = [await create(f"Within {number}") for number in range(12)]  # more than one batch
        after = await create("After")
        everything = await rows("activity")
        start, end = (next(row[0] for row in everything if row[3] == str(item["id"])) for item in (made[0], after))
        assert datetime.fromisoformat(start) < datetime.fromisoformat(end) < utc_now()
        found = await rows("activity", **{"from": start, "to": end})
        assert [row[3] for row in found] == [str(item["id"]) for item in made]

    async def test_has_counts_by_day_and_type(self, admin: httpx.AsyncClient, pdf: Pdf, create: Create) -> None:
        gone = await create("Desk")
        assert (await admin.delete(f"{PRODUCTS}{gone['id']}")).status_code == 204
        text = await pdf("activity")
        for expected in ("Changes by day", "Changes by type", "Products created", "Products deleted"):
            assert expected in text
        assert f"{utc_now():%Y-%m-%d}" in text
