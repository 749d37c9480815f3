"""The paged list over HTTP: filters, sorting, and the Link header."""

import re
from datetime import UTC, datetime, timedelta, timezone

import httpx
import pytest
from fastapi import FastAPI
from pico_ioc import PicoContainer
from pico_sqlalchemy import SessionManager
from sqlalchemy import update

from myapp.products.models import Product

from ..conftest import client_of
from ..fixture_types import Create, Fill, StartContainer
from ..platform.web.problems import assert_invalid, assert_problem
from .conftest import COLLECTION

PAGED = COLLECTION + "paged"


NO_AMOUNTS = [
    *("-1", "-0", "-0.01", "+1", "1.", ".5", "1,5", "9.999", "1e2", "1e400", "1_0", "0x1", "10000000000", "NaN"),
    *("nan", "Infinity", "-inf", "null", "None", "true"),
    *("", " ", " 1", "1 ", "1\n", "1\x00", "\u0661", "\uff11", "\ufffd", "9" * 5000, "1." + "0" * 5000),
]
MOMENTS = [
    *("0001-01-01T00:00:00Z", "1970-01-01t00:00:00z", "9999-12-31T23:59:59.999999Z"),
    *("2026-01-31T12:00:00.123456789Z", "2026-01-31T12:00:00-00:00", "2024-02-29T23:59:59+23:59"),
]
NO_MOMENTS = [
    *("yesterday", "now", "0", "1700000000", "1e9", "NaN", "2026-01-31", "2026-01-31T12:00Z"),
    *("2026-01-31T12:00:00", "2026-02-30T12:00:00Z", "2026-13-01T00:00:00Z", "2026-01-31T24:00:01Z"),
    *("2026-01-31T12:00:60Z", "0000-01-01T00:00:00Z", "10000-01-01T00:00:00Z", "-001-01-01T00:00:00Z"),
    *("2026-01-31T12:00:00+24:00", "0001-01-01T00:00:00+14:00", "9999-12-31T23:59:59-14:00"),
    *("", "2" * 5000, "2026-01-31T12:00:00 01:00", "2026-01-31T12:00:00Z\n", "2026-01-31T12:00:00Z\x00"),
    "\u0662026-01-31T12:00:00Z",
]
NO_ORDERS = [
    *("-", ",", "description", "active", "version", "name_folded", "Price", "+price", "--id", "price,", ",price"),
    *("price;name", "id,password"),
    *("", " price", "price ", "price desc", "price\n", "price\x00", "\ufffd", "x" * 5000),
]

LINK = re.compile(r'<([^>]*)>; rel="(\w+)"')


def names(response: httpx.Response) -> list[str]:
    assert response.status_code == 200, response.text
    return [product["name"] for product in response.json()["items"]]


def links(response: httpx.Response) -> dict[str, str]:
    return {relation: target for target, relation in LINK.findall(response.headers["link"])}


class TestSearch:
    @pytest.mark.one_database
    async def test_refuses_an_anonymous_caller(self, anonymous: httpx.AsyncClient) -> None:
        assert_problem(await anonymous.get(PAGED, params={"search": "lamp"}), 401, "missing_token")

    async def test_finds_part_of_a_name_and_counts(self, viewer: httpx.AsyncClient, create: Create) -> None:
        for name in ("Desk lamp", "Chair", "LAMPSHADE", "Clamp"):
            await create(name)
        response = await viewer.get(PAGED, params={"search": "Lamp", "page_size": 2})
        assert names(response) == ["Desk lamp", "LAMPSHADE"]
        assert (response.json()["total"], response.json()["pages"]) == (3, 2)
        assert names(await viewer.get(PAGED, params={"search": "sofa"})) == []

    @pytest.mark.parametrize("text", ["%", "0% o", "_", "\\", '"', "f\u00dc", "stra\u1e9ee", "\U0001f4a1 b", "x", "xo"])
    async def test_takes_every_character_as_itself(self, viewer: httpx.AsyncClient, create: Create, text: str) -> None:
        await create('50% off_ \\ " F\u00fcr STRASSE \U0001f4a1 bulb 50xoff'[:100])
        await create("Another")
        assert len(names(await viewer.get(PAGED, params={"search": text}))) == 1

    async def test_tells_apart_what_sqlite_does_not(self, viewer: httpx.AsyncClient, create: Create) -> None:
        """FTS5 and LIKE treat these three as equal; two of them are noncharacters of Unicode."""
        for character in "\ufffd\ufffe\uffff":
            await create(f"Lamp {character} bright")
        assert names(await viewer.get(PAGED, params={"search": "\ufffe br"})) == ["Lamp \ufffe bright"]

    @pytest.mark.one_database
    @pytest.mark.parametrize("text", ["", "x" * 101, "x" * 5000, "\x00", "la\x00mp"])
    async def test_refuses_a_text_that_no_name_can_have(self, viewer: httpx.AsyncClient, text: str) -> None:
        assert_invalid(await viewer.get(PAGED, params={"search": text}), "search")

    @pytest.mark.parametrize("text", ["%FF", "%ED%A0%80", "%C3%28%C3%28", "%zz%zz", "%"])
    async def test_survives_bytes_that_are_no_text(self, viewer: httpx.AsyncClient, text: str) -> None:
        assert (await viewer.get(f"{PAGED}?search={text}")).status_code == 200


class TestPrices:
    @pytest.fixture
    async def products(self, create: Create) -> None:
        for price in (0.01, 9.99, 10, 10.01, 9999999999.99):
            await create(f"{price:.2f}", price=price)

    @pytest.mark.parametrize(
        ("query", "found"),
        [
            ("min_price=10", ["10.00", "10.01", "9999999999.99"]),
            ("min_price=10.00", ["10.00", "10.01", "9999999999.99"]),
            ("min_price=10.01", ["10.01", "9999999999.99"]),
            ("min_price=0", ["0.01", "9.99", "10.00", "10.01", "9999999999.99"]),
            ("min_price=9999999999.99", ["9999999999.99"]),
            ("max_price=0", []),
            ("max_price=0.01", ["0.01"]),
            ("max_price=10", ["0.01", "9.99", "10.00"]),
            ("min_price=9.99&max_price=10.0", ["9.99", "10.00"]),
            ("max_price=10&min_price=10", ["10.00"]),
            ("min_price=007&max_price=0010", ["9.99", "10.00"]),
        ],
    )
    @pytest.mark.usefixtures("products")
    async def test_are_inclusive(self, viewer: httpx.AsyncClient, query: str, found: list[str]) -> None:
        response = await viewer.get(f"{PAGED}?{query}")
        assert names(response) == found
        assert response.json()["total"] == len(found)

    @pytest.mark.one_database
    @pytest.mark.parametrize("query", ["min_price=10&max_price=9.99", "max_price=0&min_price=0.01"])
    async def test_refuse_a_range_that_is_none(self, viewer: httpx.AsyncClient, query: str) -> None:
        assert_invalid(await viewer.get(f"{PAGED}?{query}"), "max_price", "price_range")

    @pytest.mark.one_database
    @pytest.mark.parametrize("name", ["min_price", "max_price"])
    @pytest.mark.parametrize("value", NO_AMOUNTS)
    async def test_refuse_what_is_no_amount(self, viewer: httpx.AsyncClient, name: str, value: str) -> None:
        assert_invalid(await viewer.get(PAGED, params={name: value}), name)


class TestStock:
    async def test_is_there_or_not(self, viewer: httpx.AsyncClient, create: Create) -> None:
        await create("Sold out", stock=0)
        await create("Last one", stock=1)
        await create("Plenty", stock=2147483647)
        assert names(await viewer.get(PAGED, params={"in_stock": "true"})) == ["Last one", "Plenty"]
        assert names(await viewer.get(PAGED, params={"in_stock": "false"})) == ["Sold out"]
        assert len(names(await viewer.get(PAGED))) == 3

    @pytest.mark.one_database
    @pytest.mark.parametrize("value", ["", "maybe", "2", "None", "null", "tru\u00e9", "true\x00", "x" * 5000])
    async def test_refuses_what_is_neither(self, viewer: httpx.AsyncClient, value: str) -> None:
        assert_invalid(await viewer.get(PAGED, params={"in_stock": value}), "in_stock")


class TestUpdatedSince:
    async def test_is_inclusive_to_the_microsecond(
        self, viewer: httpx.AsyncClient, manager: httpx.AsyncClient, create: Create
    ) -> None:
        old, new = await create("Old"), await create("New")
        changed = (await manager.put(f"{COLLECTION}{old['id']}", json={"stock": 1})).json()
        moment = datetime.fromisoformat(changed["updated_at"])
        assert moment > datetime.fromisoformat(new["updated_at"])
        for zone in (UTC, timezone(timedelta(hours=14)), timezone(-timedelta(hours=9, minutes=30))):
            since = moment.astimezone(zone).isoformat(timespec="microseconds")
            assert names(await viewer.get(PAGED, params={"updated_since": since})) == ["Old"]
        later = (moment + timedelta(microseconds=1)).isoformat()
        assert names(await viewer.get(PAGED, params={"updated_since": later})) == []
        assert names(await viewer.get(PAGED, params={"updated_since": new["updated_at"]})) == ["Old", "New"]

    @pytest.mark.parametrize("value", MOMENTS)
    async def test_takes_every_moment(self, viewer: httpx.AsyncClient, value: str) -> None:
        assert (await viewer.get(PAGED, params={"updated_since": value})).status_code == 200

    @pytest.mark.one_database
    @pytest.mark.parametrize("value", NO_MOMENTS)
    async def test_refuses_what_is_no_moment_with_its_offset(self, viewer: httpx.AsyncClient, value: str) -> None:
        assert_invalid(await viewer.get(PAGED, params={"updated_since": value}), "updated_since")


class TestSort:
    @pytest.fixture
    async def products(self, create: Create, container: PicoContainer) -> None:
        """Create products with ids in the order b, a, C. Any two differ in at least one field."""
        for day, (name, price, stock) in enumerate((("b lamp", 2, 0), ("a lamp", 1, 5), ("C lamp", 2, 5))):
            product = await create(name, price=price, stock=stock)
            moment = datetime(2026, 1, 3 - day, tzinfo=UTC)
            changed = update(Product).where(Product.id == product["id"]).values(created_at=moment, updated_at=moment)
            async with container.get(SessionManager).engine.begin() as connection:
                await connection.execute(changed)

    @pytest.mark.parametrize(
        ("sort", "order"),
        [
            (None, "baC"),
            ("id", "baC"),
            ("-id", "Cab"),
            ("name", "abC"),
            ("-name", "Cba"),
            ("price", "abC"),
            ("-price", "bCa"),
            ("stock", "baC"),
            ("-stock", "aCb"),
            ("created_at", "Cab"),
            ("-updated_at", "baC"),
            ("-price,-id", "Cba"),
            ("-price,name", "bCa"),
            ("-stock,price,name", "aCb"),
            ("price,stock,name,id,created_at,updated_at", "abC"),
        ],
    )
    @pytest.mark.usefixtures("products")
    async def test_orders(self, viewer: httpx.AsyncClient, sort: str | None, order: str) -> None:
        params = {"sort": sort} if sort else {}
        expected = [f"{letter} lamp" for letter in order]
        assert names(await viewer.get(PAGED, params=params)) == expected
        assert names(await viewer.get(PAGED, params=params | {"search": "lamp"})) == expected
        pages = [names(await viewer.get(PAGED, params=params | {"page": n, "page_size": 1})) for n in (1, 2, 3)]
        assert [name for page in pages for name in page] == expected

    async def test_names_are_in_the_order_that_people_expect(
        self, viewer: httpx.AsyncClient, manager: httpx.AsyncClient, create: Create
    ) -> None:
        expected = [
            "A-9",
            "a-0010",
            "A-100",
            "\u00c4pfel 2",
            "apfel 10",
            "\u00d8l",
            "OL",
            "Zebra",
            "\u03b1\u03b2",
            "\u65e5\u672c",
        ]
        for name in reversed(expected):
            await create(name, price=1 if name == "\u00d8l" else 2)
        assert names(await viewer.get(PAGED, params={"sort": "name,price"})) == expected
        assert names(await viewer.get(PAGED, params={"sort": "-name,-price"})) == expected[::-1]
        (last,) = (await viewer.get(PAGED, params={"search": "zebra"})).json()["items"]
        await manager.put(f"{COLLECTION}{last['id']}", json={"name": "a-11"})
        assert names(await viewer.get(PAGED, params={"sort": "name"})).index("a-11") == 2

    @pytest.mark.one_database
    @pytest.mark.parametrize("sort", NO_ORDERS)
    async def test_refuses_what_is_no_order(self, viewer: httpx.AsyncClient, sort: str) -> None:
        assert_invalid(await viewer.get(PAGED, params={"sort": sort}), "sort")

    @pytest.mark.one_database
    @pytest.mark.parametrize("sort", ["price,price", "price,-price", "id,name,id"])
    async def test_refuses_a_field_that_is_given_twice(self, viewer: httpx.AsyncClient, sort: str) -> None:
        assert_invalid(await viewer.get(PAGED, params={"sort": sort}), "sort", "sort_repeated")


class TestTogether:
    async def test_all_filters_must_pass(
        self, viewer: httpx.AsyncClient, manager: httpx.AsyncClient, create: Create, create_inactive: Create
    ) -> None:
        for name, price, stock in (("Lamp A", 5, 1), ("Lamp B", 15, 1), ("Lamp C", 5, 0), ("Sofa", 5, 1)):
            await create(name, price=price, stock=stock)
        await create_inactive("Lamp D", price=5, stock=1)
        query = {"search": "lamp", "min_price": "5", "max_price": "10", "in_stock": "true", "sort": "-name"}
        query |= {"updated_since": "2020-01-01T00:00:00Z"}
        assert names(await viewer.get(PAGED, params=query)) == ["Lamp A"]
        assert names(await manager.get(PAGED, params=query | {"include_inactive": "true"})) == ["Lamp D", "Lamp A"]
        refused = await viewer.get(PAGED, params=query | {"include_inactive": "true"})
        assert_problem(refused, 403, "insufficient_scope")

    @pytest.mark.one_database
    async def test_every_fault_is_told(self, viewer: httpx.AsyncClient) -> None:
        response = await viewer.get(PAGED, params={"page": "0", "min_price": "x", "sort": "y", "in_stock": "z"})
        errors = assert_problem(response, 422, "validation_failed")["errors"]
        assert {error["parameter"] for error in errors} == {"page", "min_price", "sort", "in_stock"}


class TestLinks:
    @pytest.mark.parametrize(
        ("page", "expected"),
        [
            (1, {"first": 1, "next": 2, "last": 3}),
            (2, {"first": 1, "prev": 1, "next": 3, "last": 3}),
            (3, {"first": 1, "prev": 2, "last": 3}),
            (4, {"first": 1, "prev": 3, "last": 3}),
            (1_000_000, {"first": 1, "prev": 3, "last": 3}),
        ],
    )
    async def test_lead_to_the_pages_that_there_are(
        self, viewer: httpx.AsyncClient, fill: Fill, page: int, expected: dict[str, int]
    ) -> None:
        await fill(30)  # twenty of them active
        response = await viewer.get(PAGED, params={"page": page, "page_size": 7})
        assert links(response) == {name: f"{PAGED}?page_size=7&page={number}" for name, number in expected.items()}

    async def test_lead_to_the_first_page_where_there_is_nothing(self, viewer: httpx.AsyncClient) -> None:
        assert links(await viewer.get(PAGED)) == {"first": f"{PAGED}?page=1", "last": f"{PAGED}?page=1"}

    async def test_lead_through_the_whole_list_with_everything_that_was_asked(
        self, viewer: httpx.AsyncClient, create: Create
    ) -> None:
        for number in range(5):
            await create(f'50% & more, \u00dcber "{number}"', price=number + 1)
        query = {"search": '% & more, \u00fcBER "', "sort": "-price,name", "min_price": "2", "page_size": "2"}
        response = await viewer.get(PAGED, params=query | {"updated_since": "2020-01-01T00:00:00+01:00"})
        prices = [product["price"] for product in response.json()["items"]]
        while target := links(response).get("next"):
            assert target.isascii()
            response = await viewer.get(target)
            prices += [product["price"] for product in response.json()["items"]]
        assert prices == [5, 4, 3, 2]
        assert (await viewer.get(links(response)["first"])).json()["items"][0]["price"] == 5

    @pytest.mark.one_database
    @pytest.mark.parametrize("prefix", ["", "/shop/caf\u00e9"])
    async def test_stand_below_the_root_path(
        self,
        start: StartContainer,
        shared_url: str,
        tokens: dict[str, str],
        prefix: str,
    ) -> None:
        """It makes no difference whether the proxy has stripped the path."""
        app = start({"DATABASE__URL": shared_url, "WEB__ROOT_PATH": "/shop/caf\u00e9"}).get(FastAPI)
        async with client_of(app, tokens["viewer"]) as client:
            response = await client.get(prefix + PAGED)
        assert links(response)["first"] == f"/shop/caf%C3%A9{PAGED}?page=1"

    async def test_are_to_be_had_by_head(self, viewer: httpx.AsyncClient) -> None:
        response = await viewer.head(PAGED, params={"page_size": 1})
        assert links(response)["first"] == f"{PAGED}?page_size=1&page=1"
