"""The four read operations over HTTP: list, paged, search, get."""

from datetime import datetime, timedelta

import httpx
import pytest

from myapp.products.services import ProductService

from ..fixture_types import Create, Fill
from ..platform.web.problems import assert_invalid, assert_problem
from .conftest import COLLECTION

PAGED = COLLECTION + "paged"
SEARCH = COLLECTION + "search"


NO_BOOLEANS = ["", "maybe", "2", "None", "tru\u00e9"]
NO_INTEGERS = ["", "abc", "1.0", "1e1", "1_0", "+1", " 1", "1 ", "0x1", "\u0661", "\uff11", "true", "1\x00", "9" * 5000]


def names(response: httpx.Response) -> list[str]:
    assert response.status_code == 200, response.text
    found = response.json()
    return [product["name"] for product in (found["items"] if isinstance(found, dict) else found)]


class TestList:
    @pytest.mark.one_database
    async def test_refuses_an_anonymous_caller(self, anonymous: httpx.AsyncClient) -> None:
        assert_problem(await anonymous.get(COLLECTION), 401, "missing_token")

    async def test_is_empty_at_first(self, viewer: httpx.AsyncClient) -> None:
        response = await viewer.get(COLLECTION)
        assert (response.status_code, response.content) == (200, b"[]")
        assert response.headers["content-type"] == "application/json"

    async def test_has_every_active_product_in_order(
        self, viewer: httpx.AsyncClient, create: Create, create_inactive: Create
    ) -> None:
        first, _, third = await create("Zebra"), await create_inactive(), await create("Apple")
        response = await viewer.get(COLLECTION)
        assert (response.status_code, response.json()) == (200, [first, third])

    async def test_answers_the_same_without_its_slash(self, viewer: httpx.AsyncClient, create: Create) -> None:
        product = await create()
        response = await viewer.get(COLLECTION.rstrip("/"))
        assert (response.status_code, response.json()) == (200, [product])

    async def test_shows_inactive_products_to_who_may_see_them(
        self, manager: httpx.AsyncClient, admin: httpx.AsyncClient, create: Create, create_inactive: Create
    ) -> None:
        active, inactive = await create(), await create_inactive()
        for client in (manager, admin):
            response = await client.get(COLLECTION, params={"include_inactive": "true"})
            assert (response.status_code, response.json()) == (200, [active, inactive])
            assert (await client.get(COLLECTION)).json() == [active]

    @pytest.mark.one_database
    async def test_refuses_inactive_products_to_others(self, viewer: httpx.AsyncClient) -> None:
        problem = assert_problem(
            await viewer.get(COLLECTION, params={"include_inactive": "true"}), 403, "insufficient_scope"
        )
        assert "products:read_inactive" in problem["detail"]
        assert (await viewer.get(COLLECTION, params={"include_inactive": "false"})).status_code == 200

    @pytest.mark.one_database
    @pytest.mark.parametrize("value", ["true", "TRUE", "1", "yes", "Y", "on", "t"])
    @pytest.mark.parametrize("others", ["", "&page=0", "&typo=1", "&include_inactive=false"])
    async def test_the_permission_is_decided_before_the_rest_of_the_query(
        self, viewer: httpx.AsyncClient, value: str, others: str
    ) -> None:
        response = await viewer.get(f"{PAGED}?include_inactive={value}{others}")
        assert_problem(response, 403, "insufficient_scope")

    @pytest.mark.one_database
    @pytest.mark.parametrize("value", NO_BOOLEANS)
    async def test_refuses_what_is_no_boolean(self, manager: httpx.AsyncClient, value: str) -> None:
        assert_invalid(await manager.get(COLLECTION, params={"include_inactive": value}), "include_inactive")

    @pytest.mark.parametrize("number", [999, 1000, 2001])
    async def test_has_any_number_of_products(
        self, manager: httpx.AsyncClient, viewer: httpx.AsyncClient, fill: Fill, number: int
    ) -> None:
        """Numbers around the batch size of 1,000."""
        await fill(number)
        everything = (await manager.get(COLLECTION, params={"include_inactive": True})).json()
        assert [product["name"] for product in everything] == [f"Product {index:06}" for index in range(number)]
        assert (await viewer.get(COLLECTION)).json() == [product for product in everything if product["active"]]

    async def test_has_exact_prices_and_moments_in_utc(self, viewer: httpx.AsyncClient, create: Create) -> None:
        created = await create(price=1234567890.12)
        response = await viewer.get(COLLECTION)
        assert b'"price":1234567890.12,' in response.content
        for name in ("created_at", "updated_at"):
            assert created[name].endswith("Z")
            assert datetime.fromisoformat(created[name]).utcoffset() == timedelta(0)
        assert created["created_at"] == created["updated_at"]


class TestPaged:
    @pytest.mark.one_database
    async def test_refuses_an_anonymous_caller(self, anonymous: httpx.AsyncClient) -> None:
        assert_problem(await anonymous.get(PAGED), 401, "missing_token")

    async def test_is_empty_at_first(self, viewer: httpx.AsyncClient) -> None:
        response = await viewer.get(PAGED)
        assert response.status_code == 200
        assert response.json() == {"items": [], "total": 0, "page": 1, "page_size": 10, "pages": 0}

    async def test_has_ten_products_a_page_unless_told(self, viewer: httpx.AsyncClient, fill: Fill) -> None:
        await fill(30)  # twenty of them active
        first, second = (await viewer.get(PAGED)).json(), (await viewer.get(PAGED, params={"page": 2})).json()
        assert first["items"] + second["items"] == (await viewer.get(COLLECTION)).json()
        numbers = {"total": 20, "page_size": 10, "pages": 2}
        assert first == numbers | {"page": 1, "items": first["items"]}
        assert second == numbers | {"page": 2, "items": second["items"]}

    @pytest.mark.parametrize(("page", "size", "found"), [(1, 7, 7), (2, 7, 7), (3, 7, 6), (4, 7, 0), (1, 100, 20)])
    async def test_has_the_exact_total_on_every_page(
        self, viewer: httpx.AsyncClient, fill: Fill, page: int, size: int, found: int
    ) -> None:
        await fill(30)
        answer = (await viewer.get(PAGED, params={"page": page, "page_size": size})).json()
        assert (len(answer["items"]), answer["total"], answer["pages"]) == (found, 20, -(-20 // size))

    async def test_is_empty_beyond_the_end(self, viewer: httpx.AsyncClient, create: Create) -> None:
        await create()
        response = await viewer.get(PAGED, params={"page": 1_000_000, "page_size": 100})
        assert response.status_code == 200
        assert response.json() == {"items": [], "total": 1, "page": 1_000_000, "page_size": 100, "pages": 1}

    async def test_shows_inactive_products_to_who_may_see_them(self, manager: httpx.AsyncClient, fill: Fill) -> None:
        await fill(9)
        answer = (await manager.get(PAGED, params={"include_inactive": True, "page_size": 5})).json()
        assert (len(answer["items"]), answer["total"]) == (5, 9)
        answer = (await manager.get(PAGED, params={"page_size": 5})).json()
        assert (len(answer["items"]), answer["total"]) == (5, 6)

    @pytest.mark.one_database
    async def test_refuses_inactive_products_to_others(self, viewer: httpx.AsyncClient) -> None:
        response = await viewer.get(PAGED, params={"include_inactive": "true"})
        assert_problem(response, 403, "insufficient_scope")

    @pytest.mark.one_database
    @pytest.mark.parametrize("value", ["0", "-1", "1000001", "2147483648", *NO_INTEGERS])
    async def test_refuses_a_page_that_cannot_be(self, viewer: httpx.AsyncClient, value: str) -> None:
        assert_invalid(await viewer.get(PAGED, params={"page": value}), "page")

    @pytest.mark.one_database
    @pytest.mark.parametrize("value", ["0", "-1", "101", *NO_INTEGERS])
    async def test_refuses_a_size_that_cannot_be(self, viewer: httpx.AsyncClient, value: str) -> None:
        assert_invalid(await viewer.get(PAGED, params={"page_size": value}), "page_size")


class TestSearch:
    @pytest.mark.one_database
    async def test_refuses_an_anonymous_caller(self, anonymous: httpx.AsyncClient) -> None:
        assert_problem(await anonymous.get(SEARCH, params={"q": "lamp"}), 401, "missing_token")

    async def test_finds_part_of_a_name_in_order(self, viewer: httpx.AsyncClient, create: Create) -> None:
        for name in ("Desk lamp", "Chair", "Lampshade", "Clamp"):
            await create(name)
        assert names(await viewer.get(SEARCH, params={"q": "lamp"})) == ["Desk lamp", "Lampshade", "Clamp"]
        assert names(await viewer.get(SEARCH, params={"q": "sofa"})) == []

    async def test_looks_at_the_name_only(self, viewer: httpx.AsyncClient, create: Create) -> None:
        await create("Chair", description="Goes with the lamp")
        assert names(await viewer.get(SEARCH, params={"q": "lamp"})) == []

    async def test_finds_the_name_as_it_is_now(
        self, viewer: httpx.AsyncClient, manager: httpx.AsyncClient, create: Create
    ) -> None:
        product = await create("Lamp")
        await manager.put(f"{COLLECTION}{product['id']}", json={"name": "Torch"})
        assert names(await viewer.get(SEARCH, params={"q": "lamp"})) == []
        assert names(await viewer.get(SEARCH, params={"q": "TORCH"})) == ["Torch"]

    @pytest.mark.parametrize(
        ("name", "text"),
        [
            ("Laptop PRO", "laptop pro"),
            ("Laptop PRO", "LAPTOP"),
            ("\u00c9TUDE", "\u00e9tude"),
            ("\u00d6land pen", "\u00f6LAND"),
            ("Stra\u00dfe", "STRASSE"),
            ("STRASSE", "stra\u00dfe"),
            ("STRA\u1e9eE", "stra\u00dfe"),
            ("\u0130stanbul", "\u0130STANBUL"),
            ("\u0130stanbul", "i\u0307stanbul"),
            ("\u03a3\u0399\u03a3\u03a5\u03a6\u039f\u03a3", "\u03c3\u03b9\u03c3\u03c5\u03c6\u03bf\u03c2"),
            ("\u03bb\u03cc\u03b3\u03bf\u03c2", "\u039b\u038c\u0393\u039f\u03a3"),
            ("\u041b\u0410\u041c\u041f\u0410", "\u043b\u0430\u043c\u043f\u0430"),
            ("caf\u00e9", "CAFE\u0301"),
            ("caf\u00e9", "cafe"),
            ("Cafe", "caf\u00e9"),
            ("garden hose 20 m", "garden hose 20 m "),
            ("garden\u00a0hose  20\u202fm", "hose 20 m"),
            ("\u0141\u00f3d\u017a lamp", "LODZ"),
            ("Sm\u00f8rrebr\u00f8d", "smorrebrod"),
            ("\u0130STANBUL ISPARTA", "\u0131sparta istanbul"),
            ("t\u2010shirt \u2013 blue", "t-shirt - blue"),
            ("O\u2019Neill 27\u2033", "o'neill 27\""),
            ("H\u2082O \uff21\uff22\uff23 \u00bd", "h2o abc 1/2"),
            ("\ufeffSoft\u00adware\u200b", "software"),
            ("cafe\u0301", "CAF\u00c9"),
            ("\ufb03x", "FFI"),
            ("\ud55c\uad6d", "\u1112\u1161\u11ab"),
            ("\U0001f4a1 bulb", "\U0001f4a1"),
            ("\u0390\u1fb7", "\u0399\u0308\u0301"),
        ],
    )
    async def test_takes_no_notice_of_case_and_composition(
        self, viewer: httpx.AsyncClient, create: Create, name: str, text: str
    ) -> None:
        await create(name)
        await create("Something else")
        assert names(await viewer.get(SEARCH, params={"q": text})) == [name]

    @pytest.mark.parametrize("character", [*"%_\\/'\"*?[;^(+:", "--", "AND", "OR"])
    async def test_takes_every_character_as_itself(
        self, viewer: httpx.AsyncClient, create: Create, character: str
    ) -> None:
        await create(f"50{character}off")
        await create("50xff")
        assert names(await viewer.get(SEARCH, params={"q": character})) == [f"50{character}off"]
        assert names(await viewer.get(SEARCH, params={"q": f"0{character}o"})) == [f"50{character}off"]
        assert names(await viewer.get(SEARCH, params={"q": f"off {character}"})) == [f"50{character}off"]
        assert names(await viewer.get(SEARCH, params={"q": f"{character}{character}"})) == []

    @pytest.mark.parametrize(
        "text",
        [
            *("blue cotton t-shirt", "t-shirt blue", "SHIRT  blue ", " ue hir", "b t", "t-shirt xl blue", "blue blue"),
            *("(xl) t\u2011shirt", "co\u00adtton\u00a0blue", "\u200b", " ", "\u3000blue"),
        ],
    )
    async def test_finds_names_with_all_words_in_any_order(
        self, viewer: httpx.AsyncClient, create: Create, text: str
    ) -> None:
        await create("Blue cotton t-shirt (XL)")
        assert names(await viewer.get(SEARCH, params={"q": text})) == ["Blue cotton t-shirt (XL)"]
        page = (await viewer.get(f"{COLLECTION}paged", params={"search": text})).json()
        assert page["total"] == len(page["items"]) == 1

    @pytest.mark.parametrize("text", ["blue wool", "red", "blue x", "shirt-t", "tshirt", "UNFOLDED", "unfolded", "zz"])
    async def test_does_not_find_a_name_that_lacks_a_word(
        self, viewer: httpx.AsyncClient, create: Create, text: str
    ) -> None:
        await create("Blue cotton t-shirt")
        assert names(await viewer.get(SEARCH, params={"q": text})) == []

    @pytest.mark.parametrize("separator", [" ", "\u3000", " \u200b "])
    async def test_takes_any_number_of_words(
        self, viewer: httpx.AsyncClient, service: ProductService, create: Create, separator: str
    ) -> None:
        name = " ".join("abcdefghijklmnopqrstuvwxyz0123456789")
        await create(name)
        assert names(await viewer.get(SEARCH, params={"q": name[:100]})) == [name]
        assert names(await viewer.get(SEARCH, params={"q": f"{name} 1"})) == [name]
        assert names(await viewer.get(SEARCH, params={"q": f"{name} !"})) == []
        assert [found.name for found in await service.search(separator.join(["z", "9", "a"] * 1000))] == [name]
        for end in (1099, 1100, 1101, 2000):
            assert await service.search(separator.join(str(number) for number in range(1000, end))) == []

    async def test_takes_one_letter_and_two(self, viewer: httpx.AsyncClient, create: Create) -> None:
        await create("Lamp")
        await create("Chair")
        assert names(await viewer.get(SEARCH, params={"q": "m"})) == ["Lamp"]
        assert names(await viewer.get(SEARCH, params={"q": "A"})) == ["Lamp", "Chair"]
        assert names(await viewer.get(SEARCH, params={"q": "HA"})) == ["Chair"]

    async def test_never_shows_inactive_products(
        self, viewer: httpx.AsyncClient, admin: httpx.AsyncClient, create: Create, create_inactive: Create
    ) -> None:
        await create("Lamp")
        await create_inactive("Lamp of old")
        assert names(await viewer.get(SEARCH, params={"q": "lamp"})) == ["Lamp"]
        response = await admin.get(SEARCH, params={"q": "lamp", "include_inactive": "true"})
        assert_invalid(response, "include_inactive", "unknown_parameter")

    @pytest.mark.parametrize(("limit", "found"), [("1", 1), ("5", 5), ("100", 100), (None, 100)])
    async def test_stops_at_the_limit(
        self, viewer: httpx.AsyncClient, fill: Fill, limit: str | None, found: int
    ) -> None:
        await fill(200)
        params = {"q": "product"} | ({"limit": limit} if limit else {})
        assert names(await viewer.get(SEARCH, params=params)) == names(await viewer.get(COLLECTION))[:found]

    @pytest.mark.one_database
    @pytest.mark.parametrize("value", ["0", "-1", "101", *NO_INTEGERS])
    async def test_refuses_a_limit_that_cannot_be(self, viewer: httpx.AsyncClient, value: str) -> None:
        assert_invalid(await viewer.get(SEARCH, params={"q": "lamp", "limit": value}), "limit")

    @pytest.mark.one_database
    @pytest.mark.parametrize("text", ["", "x" * 101, "\x00", "la\x00mp"])
    async def test_refuses_a_text_that_no_name_can_have(self, viewer: httpx.AsyncClient, text: str) -> None:
        assert_invalid(await viewer.get(SEARCH, params={"q": text}), "q")

    @pytest.mark.one_database
    async def test_demands_a_text(self, viewer: httpx.AsyncClient) -> None:
        assert_invalid(await viewer.get(SEARCH), "q", "missing")

    @pytest.mark.parametrize("text", ["%FF", "%ED%A0%80", "%C3%28", "%zz", "%"])
    async def test_survives_bytes_that_are_no_text(self, viewer: httpx.AsyncClient, text: str) -> None:
        assert (await viewer.get(f"{SEARCH}?q={text}")).status_code == 200

    async def test_takes_a_hundred_characters(self, viewer: httpx.AsyncClient, create: Create) -> None:
        name = "\u0390" * 100  # folding makes three characters of each
        await create(name)
        assert names(await viewer.get(SEARCH, params={"q": name})) == [name]


class TestGet:
    @pytest.mark.one_database
    async def test_refuses_an_anonymous_caller(self, anonymous: httpx.AsyncClient) -> None:
        assert_problem(await anonymous.get(COLLECTION + "1"), 401, "missing_token")

    async def test_answers_with_the_product(self, viewer: httpx.AsyncClient, create: Create) -> None:
        product = await create("Lamp", description="Bright", price=9.5, stock=3)
        response = await viewer.get(f"{COLLECTION}{product['id']}")
        assert (response.status_code, response.json()) == (200, product)
        expected = {"name": "Lamp", "description": "Bright", "price": 9.5, "stock": 3, "active": True}
        expected |= {"sku": None, "gtin": None, "tags": [], "attributes": {}, "version": 1}
        assert product == expected | {"currency": "EUR"} | {
            name: product[name] for name in ("id", "created_at", "updated_at")
        }

    async def test_hides_an_inactive_product(
        self, viewer: httpx.AsyncClient, manager: httpx.AsyncClient, create_inactive: Create
    ) -> None:
        path = f"{COLLECTION}{(await create_inactive())['id']}"
        assert_problem(await viewer.get(path), 404, "not_found")
        assert_problem(await manager.get(path), 404, "not_found")

    async def test_shows_an_inactive_product_to_who_may_see_it(
        self, viewer: httpx.AsyncClient, manager: httpx.AsyncClient, create_inactive: Create
    ) -> None:
        product = await create_inactive()
        path = f"{COLLECTION}{product['id']}"
        response = await manager.get(path, params={"include_inactive": "true"})
        assert (response.status_code, response.json()) == (200, product)
        response = await viewer.get(path, params={"include_inactive": "true"})
        assert_problem(response, 403, "insufficient_scope")

    async def test_tells_who_may_not_see_nothing_of_what_there_is(self, viewer: httpx.AsyncClient) -> None:
        response = await viewer.get(f"{COLLECTION}2147483647", params={"include_inactive": "true"})
        assert_problem(response, 403, "insufficient_scope")


@pytest.mark.one_database
class TestParameters:
    """An unknown or a repeated parameter is refused: it must not return a wrong list."""

    @pytest.mark.parametrize("path", [COLLECTION, PAGED, SEARCH + "?q=lamp", "{product}"])
    @pytest.mark.parametrize("parameter", ["incude_inactive=true", "Page=2", "order=name", "q[]=x", "%00=1", "="])
    async def test_refuses_an_unknown_one(
        self, viewer: httpx.AsyncClient, create: Create, path: str, parameter: str
    ) -> None:
        path = path.replace("{product}", f"{COLLECTION}{(await create())['id']}")
        response = await viewer.get(f"{path}{'&' if '?' in path else '?'}{parameter}")
        errors = assert_problem(response, 422, "validation_failed")["errors"]
        assert errors[0]["code"] == "unknown_parameter"

    @pytest.mark.parametrize(
        "query",
        [
            "?include_inactive=false&include_inactive=false",
            "?include_inactive=false&include_inactive=true",
            "paged?page=1&page=2",
            "paged?page_size=1&page=1&page_size=2",
            "paged?sort=price&min_price=1&sort=name",
            "paged?in_stock=true&in_stock=false",
            "search?q=a&q=b",
            "1?include_inactive=false&include_inactiv%65=true",
        ],
    )
    async def test_refuses_a_repeated_one(self, manager: httpx.AsyncClient, query: str) -> None:
        errors = assert_problem(await manager.get(COLLECTION + query), 422, "validation_failed")["errors"]
        assert errors[0]["code"] == "repeated_parameter"

    async def test_echoes_no_long_name(self, viewer: httpx.AsyncClient) -> None:
        response = await viewer.get(COLLECTION, params={"x" * 5000: "1"})
        assert_problem(response, 422, "validation_failed")
        assert len(response.content) < 1000
