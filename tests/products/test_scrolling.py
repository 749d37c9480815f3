"""The list that is read by cursors: the same products in the same order as in pages, and refusals of wrong cursors."""

import base64
from typing import Any

import httpx
import pytest
from fastapi import FastAPI
from pico_sqlalchemy import Sort

from myapp.platform.errors import InvalidCursorError
from myapp.platform.lists import Position
from myapp.platform.web.cursors import fingerprints
from myapp.products.controllers import ProductScrollQuery
from myapp.products.schemas import ProductFilter
from myapp.products.services import ProductService

from ..conftest import client_of
from ..fixture_types import Create, Fill, StartContainer
from ..platform.web.problems import assert_invalid, assert_problem
from .conftest import COLLECTION
from .test_filtering import NO_AMOUNTS, NO_ORDERS, links, names

SCROLL = COLLECTION + "scroll"
PAGED = COLLECTION + "paged"
SORTS = [
    *("id", "-id", "name", "-name", "price", "-price", "stock", "-stock", "created_at", "-updated_at"),
    *("price,-name", "-stock,price", "stock,-id", "-price,stock,name", "-stock,-price,-name,-created_at"),
]

CHANGES = [
    ({"sort": "-price"}, {"sort"}),
    ({"search": "desk"}, {"search"}),
    ({"search": None}, {"search"}),
    ({"min_price": "2", "max_price": "9", "in_stock": "true"}, {"min_price", "max_price", "in_stock"}),
    ({"updated_since": "2026-01-01T00:00:00Z", "sort": None}, {"updated_since", "sort"}),
]
"""Changes of the parameters of a list, and the parameters that then differ."""


async def walk(client: httpx.AsyncClient, params: dict[str, Any], relation: str = "next") -> list[httpx.Response]:
    """Return the answers along the links of ``relation``, from the beginning or from ``params["cursor"]``."""
    answers = [await client.get(SCROLL, params=params)]
    while target := links_of(answers[-1]).get(relation):
        answers.append(await client.get(target))
    return answers


def links_of(response: httpx.Response) -> dict[str, str]:
    """Return the links of a slice. They must be those of its members."""
    assert response.status_code == 200, response.text
    found = links(response)
    assert "cursor" not in httpx.URL(found["first"]).params
    for relation in ("next", "prev"):
        cursor = response.json()[relation]
        assert ("cursor" in httpx.URL(found.get(relation, "")).params) == (cursor is not None)
        assert httpx.URL(found.get(relation, "")).params.get("cursor") == cursor
    return found


def ids(*answers: httpx.Response) -> list[int]:
    return [item["id"] for answer in answers for item in answer.json()["items"]]


async def first_cursor(client: httpx.AsyncClient, **params: Any) -> str:
    response = await client.get(SCROLL, params={"limit": 1, **params})
    cursor: str = response.json()["next"]
    assert cursor, response.text
    return cursor


class TestAccess:
    @pytest.mark.one_database
    async def test_needs_a_token(self, anonymous: httpx.AsyncClient) -> None:
        assert_problem(await anonymous.get(SCROLL), 401, "missing_token")

    async def test_inactive_products_need_a_permission_with_a_cursor_too(
        self, viewer: httpx.AsyncClient, manager: httpx.AsyncClient, create: Create, create_inactive: Create
    ) -> None:
        await create_inactive("Retired")
        await create("Lamp")
        cursor = await first_cursor(manager, include_inactive="true")
        params = {"include_inactive": "true", "cursor": cursor}
        assert names(await manager.get(SCROLL, params=params)) == ["Lamp"]
        assert_problem(await viewer.get(SCROLL, params=params), 403, "insufficient_scope")
        assert_problem(await viewer.get(SCROLL, params={"include_inactive": "true"}), 403, "insufficient_scope")
        refused = await viewer.get(SCROLL, params={"cursor": cursor})
        assert parameters(refused, "cursor_mismatch") == {"include_inactive"}
        assert names(await viewer.get(SCROLL)) == ["Lamp"]


class TestOrder:
    @pytest.mark.parametrize("sort", SORTS)
    async def test_is_that_of_pages_in_both_directions(
        self, viewer: httpx.AsyncClient, create: Create, sort: str
    ) -> None:
        for name, price, stock in (
            ("b", 2, 0),
            ("a", 1, 5),
            ("\u00c4", 2, 5),
            ("a 10", 1, 5),
            ("a 9", 2, 0),
            ("B", 1, 0),
        ):
            await create(f"{name} lamp", price=price, stock=stock)
        expected = ids(await viewer.get(PAGED, params={"sort": sort}))
        assert len(expected) == 6
        for limit in (1, 2, 4):
            forwards = await walk(viewer, {"sort": sort, "limit": limit})
            assert ids(*forwards) == expected
            assert "prev" not in links_of(forwards[0])
            cursor = forwards[-1].json()["prev"]
            backwards = await walk(viewer, {"sort": sort, "limit": limit, "cursor": cursor}, "prev")
            assert ids(*backwards[::-1], forwards[-1]) == expected

    async def test_all_filters_must_pass(self, viewer: httpx.AsyncClient, create: Create, fill: Fill) -> None:
        await fill(60)
        for number in range(9):
            await create(f'50% & more, \u00dcber "{number}"', price=0.05, stock=number % 2)
        filters = {"search": '% & more, \u00fcBER "', "min_price": "0.04", "max_price": "0.05", "in_stock": "true"}
        filters |= {"updated_since": "2020-01-01T00:00:00+01:00", "sort": "-name,price"}
        expected = ids(await viewer.get(PAGED, params=filters))
        assert len(expected) == 4
        assert ids(*await walk(viewer, filters | {"limit": "3"})) == expected
        rest = {name: text for name, text in filters.items() if name not in ("search", "in_stock")}
        expected = ids(await viewer.get(PAGED, params=rest | {"page_size": "100"}))
        assert len(expected) > 9
        assert ids(*await walk(viewer, rest | {"limit": "4"})) == expected

    async def test_long_names_have_cursors_that_fit(self, viewer: httpx.AsyncClient, create: Create) -> None:
        for letter in "ab":
            await create(letter + "\U0001f4a1" * 99, price=1)
        answers = await walk(viewer, {"sort": "name,price,stock,created_at,updated_at", "limit": "1"})
        assert [len(answer.json()["items"]) for answer in answers] == [1, 1]
        digits = " ".join("1" * 49)
        for name in (digits + " 1", digits + " 2"):
            await create(name, price=2)
        assert len(ids(*await walk(viewer, {"sort": "-name,price", "limit": "1"}))) == 4


class TestAnswer:
    async def test_an_empty_list_has_no_cursors(self, viewer: httpx.AsyncClient) -> None:
        response = await viewer.get(SCROLL)
        assert response.json() == {"items": [], "next": None, "prev": None}
        assert links(response) == {"first": SCROLL}

    async def test_an_item_is_a_product(self, viewer: httpx.AsyncClient, create: Create) -> None:
        product = await create(description="Bright")
        assert (await viewer.get(SCROLL, params={"sort": "name"})).json()["items"] == [product]

    async def test_the_last_slice_is_full_or_not(self, viewer: httpx.AsyncClient, fill: Fill) -> None:
        await fill(30)  # twenty of them active
        for limit, sizes in ((7, [7, 7, 6]), (10, [10, 10]), (20, [20]), (200, [20])):
            answers = await walk(viewer, {"limit": limit})
            assert [len(answer.json()["items"]) for answer in answers] == sizes
        assert len((await viewer.get(SCROLL)).json()["items"]) == 20

    async def test_the_limit_may_change_on_the_way(self, viewer: httpx.AsyncClient, fill: Fill) -> None:
        await fill(9)
        expected = ids(await viewer.get(SCROLL))
        answer = await viewer.get(SCROLL, params={"limit": 2})
        rest = await viewer.get(SCROLL, params={"limit": 3, "cursor": answer.json()["next"]})
        assert ids(answer, rest) == expected[:5]
        assert ids(await viewer.get(SCROLL, params={"limit": 200, "cursor": rest.json()["prev"]})) == expected[:2]

    async def test_a_slice_can_be_asked_for_again(self, viewer: httpx.AsyncClient, fill: Fill) -> None:
        await fill(9)
        cursor = await first_cursor(viewer)
        answers = [await viewer.get(SCROLL, params={"cursor": cursor}) for _ in range(2)]
        assert answers[0].json() == answers[1].json()

    async def test_links_are_to_be_had_by_head(self, viewer: httpx.AsyncClient, fill: Fill) -> None:
        await fill(9)
        assert set(links(await viewer.head(SCROLL, params={"limit": 1}))) == {"first", "next"}

    @pytest.mark.one_database
    async def test_links_stand_below_the_root_path(
        self, start: StartContainer, shared_url: str, tokens: dict[str, str], create: Create
    ) -> None:
        for _ in range(2):
            await create()
        app = start({"DATABASE__URL": shared_url, "WEB__ROOT_PATH": "/shop"}).get(FastAPI)
        async with client_of(app, tokens["viewer"]) as client:
            response = await client.get(SCROLL, params={"limit": 1})
        assert links(response)["next"].startswith(f"/shop{SCROLL}?limit=1&cursor=")

    async def test_a_cursor_is_valid_in_every_process(
        self, start: StartContainer, shared_url: str, tokens: dict[str, str], viewer: httpx.AsyncClient, create: Create
    ) -> None:
        for name in ("First", "Second"):
            await create(name)
        cursor = await first_cursor(viewer)
        app = start({"DATABASE__URL": shared_url}).get(FastAPI)
        async with client_of(app, tokens["viewer"]) as client:
            assert names(await client.get(SCROLL, params={"cursor": cursor})) == ["Second"]

    async def test_the_way_back_from_beyond_the_end_finds_what_is_left(
        self, viewer: httpx.AsyncClient, admin: httpx.AsyncClient, create: Create
    ) -> None:
        first, second = await create("First"), await create("Second")
        cursor = await first_cursor(viewer)
        assert (await admin.delete(f"{COLLECTION}{second['id']}")).status_code == 204
        empty = await viewer.get(SCROLL, params={"cursor": cursor})
        assert (empty.json()["items"], empty.json()["next"]) == ([], None)
        back = await viewer.get(links_of(empty)["prev"])
        assert ids(back) == [first["id"]]
        assert back.json()["prev"] is None


class TestCursor:
    def test_knows_every_filter(self) -> None:
        """A new filter needs no line for the cursors."""
        values = {
            "search": "lamp",
            "min_price": "1",
            "max_price": "2",
            "in_stock": "true",
            "updated_since": "2026-01-01T00:00:00Z",
            "include_inactive": "true",
        }
        assert fingerprints(ProductScrollQuery(**values)).keys() == {*values, "sort"}
        assert fingerprints(ProductScrollQuery(limit=1, cursor="x")).keys() == {"sort"}

    @pytest.mark.one_database
    @pytest.mark.parametrize(("change", "differing"), CHANGES)
    async def test_belongs_to_one_filter_and_sort(
        self, viewer: httpx.AsyncClient, create: Create, change: dict[str, str | None], differing: set[str]
    ) -> None:
        for _ in range(2):
            await create()
        params = {"search": "lamp", "sort": "price", "min_price": "1"}
        cursor = await first_cursor(viewer, **params)
        changed = {name: text for name, text in (params | change).items() if text is not None}
        response = await viewer.get(SCROLL, params=changed | {"cursor": cursor})
        assert parameters(response, "cursor_mismatch") == differing

    @pytest.mark.one_database
    async def test_takes_equal_values_in_other_words(self, viewer: httpx.AsyncClient, create: Create) -> None:
        for _ in range(2):
            await create(stock=1)
        one = {"min_price": "1", "updated_since": "2020-01-01T00:00:00Z", "in_stock": "true"}
        other = {"min_price": "001.00", "updated_since": "2020-01-01T02:00:00+02:00", "in_stock": "1", "sort": "id"}
        cursor = await first_cursor(viewer, **one)
        response = await viewer.get(SCROLL, params=other | {"include_inactive": "false", "cursor": cursor})
        assert len(names(response)) == 1

    @pytest.mark.one_database
    @pytest.mark.parametrize(
        "cursor",
        ["", " ", "0", "null", "[]", "x" * 40, "\x00", "\ufffd", "\u0661", "A" * 5000, "../../etc/passwd", "="],
    )
    async def test_garbage_is_refused(self, viewer: httpx.AsyncClient, cursor: str) -> None:
        response = await viewer.get(SCROLL, params={"cursor": cursor})
        assert parameters(response, "invalid_cursor") == {"cursor"}
        assert len(response.content) < 1000

    @pytest.mark.one_database
    async def test_cannot_be_changed(self, viewer: httpx.AsyncClient, create: Create) -> None:
        for _ in range(2):
            await create()
        cursor = await first_cursor(viewer)
        content = base64.urlsafe_b64decode(cursor + "=" * (-len(cursor) % 4))
        forged = [
            content[:16] + content[16:].replace(b"[[", b"[[1"),
            content[16:],
            content[:-1],
            bytes(16) + content[16:],
        ]
        for data in forged:
            text = base64.urlsafe_b64encode(data).decode().rstrip("=")
            assert parameters(await viewer.get(SCROLL, params={"cursor": text}), "invalid_cursor") == {"cursor"}
        for text in (cursor + "=", cursor + "A", cursor[:-1], cursor.swapcase()):
            assert parameters(await viewer.get(SCROLL, params={"cursor": text}), "invalid_cursor") == {"cursor"}

    @pytest.mark.one_database
    async def test_of_a_removed_key_is_refused(
        self, start: StartContainer, shared_url: str, tokens: dict[str, str], create: Create
    ) -> None:
        for _ in range(2):
            await create()
        cursor = ""
        for keys, status in (('["{0}"]', 200), ('["{1}", "{0}"]', 200), ('["{1}"]', 422)):
            setting = keys.format("old" * 11, "new" * 11)
            app = start({"DATABASE__URL": shared_url, "CURSORS__KEYS": setting}).get(FastAPI)
            async with client_of(app, tokens["viewer"]) as client:
                cursor = cursor or await first_cursor(client)
                assert (await client.get(SCROLL, params={"cursor": cursor})).status_code == status


@pytest.mark.one_database
class TestParameters:
    @pytest.mark.parametrize(
        "limit", ["0", "-1", "201", "9" * 30, "1.0", "1_0", "+1", "", "x", "\u0661", "1\x00", "NaN"]
    )
    async def test_refuse_a_limit_out_of_range(self, viewer: httpx.AsyncClient, limit: str) -> None:
        assert_invalid(await viewer.get(SCROLL, params={"limit": limit}), "limit")

    @pytest.mark.parametrize("sort", NO_ORDERS)
    async def test_refuse_what_is_no_order(self, viewer: httpx.AsyncClient, sort: str) -> None:
        assert_invalid(await viewer.get(SCROLL, params={"sort": sort}), "sort")

    @pytest.mark.parametrize("value", NO_AMOUNTS[:8])
    async def test_refuse_what_is_no_amount(self, viewer: httpx.AsyncClient, value: str) -> None:
        assert_invalid(await viewer.get(SCROLL, params={"max_price": value}), "max_price")

    @pytest.mark.parametrize("query", ["page=1", "page_size=1", "total=false", "cursor=a&cursor=b", "limits=1"])
    async def test_refuse_unknown_and_repeated_ones(self, viewer: httpx.AsyncClient, query: str) -> None:
        assert_invalid(await viewer.get(f"{SCROLL}?{query}"), query.partition("=")[0])


class TestService:
    async def test_scrolls_without_http(self, service: ProductService, fill: Fill) -> None:
        await fill(9)
        found = await service.scroll(2, ProductFilter(include_inactive=True), [Sort("stock", "DESC")])
        assert [product.stock for product in found.items] == [8, 7]
        assert found.next
        found = await service.scroll(100, ProductFilter(include_inactive=True), [Sort("stock", "DESC")], found.next)
        assert [product.stock for product in found.items] == [6, 5, 4, 3, 2, 1, 0]
        assert found.next is None

    @pytest.mark.one_database
    async def test_refuses_impossible_values(self, service: ProductService) -> None:
        for limit in (0, -1, 2**31):
            with pytest.raises(ValueError, match="limit"):
                await service.scroll(limit)
        with pytest.raises(InvalidCursorError):
            await service.scroll(1, position=Position(("x",)))


def parameters(response: httpx.Response, code: str) -> set[str]:
    """Return the parameters that a refusal names."""
    return {error["parameter"] for error in assert_problem(response, 422, code)["errors"]}


class TestPagesWithoutTotal:
    @pytest.mark.parametrize(
        ("page", "count", "expected"),
        [
            (1, 7, {"first": 1, "next": 2}),
            (2, 7, {"first": 1, "prev": 1, "next": 3}),
            (3, 6, {"first": 1, "prev": 2}),
            (4, 0, {"first": 1, "prev": 3}),
            (1_000_000, 0, {"first": 1, "prev": 999_999}),
        ],
    )
    async def test_have_the_links_that_are_known(
        self, viewer: httpx.AsyncClient, fill: Fill, page: int, count: int, expected: dict[str, int]
    ) -> None:
        await fill(30)  # twenty of them active
        response = await viewer.get(PAGED, params={"total": "false", "page": page, "page_size": 7})
        assert len(names(response)) == count
        target = f"{PAGED}?total=false&page_size=7&page="
        assert links(response) == {name: f"{target}{number}" for name, number in expected.items()}
        body = response.json()
        assert (body["total"], body["pages"], body["page"], body["page_size"]) == (None, None, page, 7)

    async def test_have_the_items_of_pages_with_one(self, viewer: httpx.AsyncClient, fill: Fill) -> None:
        await fill(30)
        params = {"sort": "-stock,name", "min_price": "0.05", "page_size": 8, "page": 2}
        one, other = [await viewer.get(PAGED, params=params | {"total": total}) for total in ("true", "false")]
        assert one.json()["items"] == other.json()["items"]
        assert one.json()["total"] == 17

    async def test_end_where_a_full_page_is_the_last(self, viewer: httpx.AsyncClient, fill: Fill) -> None:
        await fill(30)
        response = await viewer.get(PAGED, params={"total": "false", "page_size": 10, "page": 2})
        assert set(links(response)) == {"first", "prev"}

    @pytest.mark.one_database
    @pytest.mark.parametrize("value", ["", "maybe", "2", "None", "null"])
    async def test_refuse_what_is_neither(self, viewer: httpx.AsyncClient, value: str) -> None:
        assert_invalid(await viewer.get(PAGED, params={"total": value}), "total")
