"""SKUs over HTTP: unique, compared by their fold, and an address of the product."""

import asyncio
from typing import Any
from urllib.parse import quote

import httpx
import pytest

from myapp.platform.errors import NotFoundError
from myapp.products.services import ProductService

from ..fixture_types import Create
from ..platform.web.problems import assert_invalid, assert_problem
from .conftest import COLLECTION

LAMP = {"name": "Lamp", "price": 1}
SPELLINGS = ["LMP 1/é", "lmp 1/E", " LMP  1/e\u0301 ", "\uff2c\uff2d\uff30 1/\u00c9"]
"""Several spellings of one SKU."""


def by_sku(sku: str) -> str:
    return f"{COLLECTION}by-sku/{quote(sku, safe='')}"


def assert_taken(response: httpx.Response) -> None:
    problem = assert_problem(response, 409, "already_exists")
    assert [error["pointer"] for error in problem["errors"]] == ["#/sku"]


class TestUnique:
    @pytest.mark.parametrize("sku", SPELLINGS, ids=ascii)
    async def test_refuses_a_second_one(
        self, manager: httpx.AsyncClient, create: Create, create_inactive: Create, sku: str
    ) -> None:
        first = await create(sku=SPELLINGS[0])
        assert_taken(await manager.post(COLLECTION, json=LAMP | {"sku": sku}))
        other = await create("Torch", sku="TRC-1", stock=3)
        assert_taken(await manager.put(f"{COLLECTION}{other['id']}", json={"sku": sku, "stock": 5}))
        assert (await manager.get(COLLECTION)).json() == [first, other]

    async def test_refuses_that_of_an_inactive_product(
        self, manager: httpx.AsyncClient, create_inactive: Create
    ) -> None:
        await create_inactive(sku="LMP-1")
        assert_taken(await manager.post(COLLECTION, json=LAMP | {"sku": "LMP-1"}))

    async def test_takes_that_of_a_deleted_product_and_one_that_was_given_up(
        self, manager: httpx.AsyncClient, admin: httpx.AsyncClient, create: Create
    ) -> None:
        first = await create(sku="LMP-1")
        await admin.delete(f"{COLLECTION}{first['id']}")
        second = await create(sku="LMP-1")
        cleared = await manager.put(f"{COLLECTION}{second['id']}", json={"sku": None})
        assert cleared.json()["sku"] is None
        assert (await create(sku="LMP-1"))["sku"] == "LMP-1"

    async def test_takes_many_products_without_one(self, create: Create) -> None:
        assert [(await create())["sku"] for _ in range(3)] == [None] * 3

    async def test_takes_another_spelling_of_its_own(self, manager: httpx.AsyncClient, create: Create) -> None:
        product = await create(sku=SPELLINGS[0])
        for sku in SPELLINGS:
            changed = await manager.put(f"{COLLECTION}{product['id']}", json={"sku": sku})
            assert (changed.status_code, changed.json()["sku"]) == (200, sku.strip())

    async def test_one_of_many_writers_at_once_gets_it(self, manager: httpx.AsyncClient) -> None:
        answers = await asyncio.gather(
            *(manager.post(COLLECTION, json=LAMP | {"sku": sku}) for sku in [*SPELLINGS, *SPELLINGS])
        )
        assert sorted(answer.status_code for answer in answers) == [201] + [409] * (len(answers) - 1)
        assert len((await manager.get(COLLECTION)).json()) == 1


class TestGetBySku:
    @pytest.mark.one_database
    async def test_refuses_an_anonymous_caller(self, anonymous: httpx.AsyncClient) -> None:
        assert_problem(await anonymous.get(by_sku("LMP-1")), 401, "missing_token")

    @pytest.mark.parametrize("sku", SPELLINGS, ids=ascii)
    async def test_answers_with_the_product(self, viewer: httpx.AsyncClient, create: Create, sku: str) -> None:
        product = await create(sku=SPELLINGS[0])
        response = await viewer.get(by_sku(sku))
        assert (response.status_code, response.json(), response.headers["etag"]) == (200, product, '"1"')
        unchanged = await viewer.get(by_sku(sku), headers={"If-None-Match": '"1"'})
        assert unchanged.status_code == 304

    async def test_takes_a_slash_as_it_is(self, viewer: httpx.AsyncClient, create: Create) -> None:
        product = await create(sku="A/B/C")
        assert (await viewer.get(f"{COLLECTION}by-sku/A/B/C")).json() == product

    @pytest.mark.parametrize(
        "sku",
        ["LMP", "LMP-11", "", "%00", "%ff", "%ED%A0%80", "x" * 5000, "%", "LMP_1"],
        ids=lambda sku: sku[:9],
    )
    async def test_finds_nothing_else(self, viewer: httpx.AsyncClient, create: Create, sku: str) -> None:
        await create(sku="LMP-1")
        await create()
        assert_problem(await viewer.get(f"{COLLECTION}by-sku/{sku}"), 404, "not_found")

    async def test_hides_an_inactive_product(
        self, viewer: httpx.AsyncClient, manager: httpx.AsyncClient, create_inactive: Create
    ) -> None:
        product = await create_inactive(sku="LMP-1")
        assert_problem(await manager.get(by_sku("LMP-1")), 404, "not_found")
        everything = {"include_inactive": "true"}
        assert (await manager.get(by_sku("LMP-1"), params=everything)).json() == product
        assert_problem(await viewer.get(by_sku("LMP-1"), params=everything), 403, "insufficient_scope")

    @pytest.mark.parametrize("sku", ["\x00", "\ud800", ""])
    async def test_a_script_finds_nothing_either(self, service: ProductService, sku: str) -> None:
        with pytest.raises(NotFoundError):
            await service.get_by_sku(sku)


class TestFilter:
    async def found(self, client: httpx.AsyncClient, **query: Any) -> list[str]:
        page = (await client.get(f"{COLLECTION}paged", params=query)).json()
        assert page["total"] == len(page["items"])
        return [product["name"] for product in page["items"]]

    async def test_finds_the_sku_in_any_spelling(self, viewer: httpx.AsyncClient, create: Create) -> None:
        await create("Lamp", sku=SPELLINGS[0])
        await create("Torch", sku="TRC-1")
        for sku in SPELLINGS:
            assert await self.found(viewer, sku=sku) == ["Lamp"]
        assert await self.found(viewer, sku="LMP") == []

    async def test_finds_the_gtin_in_any_length(self, viewer: httpx.AsyncClient, create: Create) -> None:
        await create("Short", gtin="96385074")
        await create("Long", gtin="0000096385074")
        await create("UPC", gtin="036000291452")
        await create("None")
        for gtin in ("96385074", "000096385074", "0000096385074", "00000096385074"):
            assert await self.found(viewer, gtin=gtin) == ["Short", "Long"]
        for gtin in ("036000291452", "0036000291452", "00036000291452"):
            assert await self.found(viewer, gtin=gtin) == ["UPC"]
        assert await self.found(viewer, gtin="4006381333931") == []

    @pytest.mark.one_database
    @pytest.mark.parametrize(
        ("name", "value"),
        [("sku", ""), ("sku", "x" * 65), ("sku", "\x00"), ("gtin", "123"), ("gtin", "4006381333932"), ("gtin", "")],
    )
    async def test_refuses_what_no_product_can_have(self, viewer: httpx.AsyncClient, name: str, value: str) -> None:
        assert_invalid(await viewer.get(f"{COLLECTION}paged", params={name: value}), name)
