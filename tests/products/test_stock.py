"""Adjustments of stocks: all lines or none, and never below 0."""

import asyncio
import json
import uuid
from collections import Counter
from collections.abc import Sequence
from typing import Any

import httpx
import pytest
from fastapi import FastAPI
from hypothesis import given
from hypothesis import strategies as st
from pico_ioc import PicoContainer
from pico_sqlalchemy import SessionManager

from myapp.platform.errors import BatchRejectedError, InsufficientStockError, StaleStockError
from myapp.platform.lists import MAX_INTEGER
from myapp.products.services import ProductService
from myapp.products.stock.services import AdjustedLine, StockService

from ..conftest import client_of
from ..databases import gate_on_postgresql, sent_statements
from ..fixture_types import Create
from ..issuer import Issuer
from ..platform.web.problems import assert_invalid, assert_problem
from .conftest import COLLECTION
from .test_history import whole_history

ADJUSTMENTS = "/api/v1/stock-adjustments"


@pytest.fixture
def stocks(container: PicoContainer) -> StockService:
    made: StockService = container.get(StockService)
    return made


def line(product: dict[str, Any] | str, delta: Any, **members: Any) -> dict[str, Any]:
    name = {"sku": product} if isinstance(product, str) else {"product_id": product["id"]}
    return {**name, "delta": delta, **members}


async def send(
    client: httpx.AsyncClient, *lines: Any, reason: Any = "sold", key: str | None = None, **members: Any
) -> httpx.Response:
    body = {"lines": lines, "reason": reason, **members}
    return await client.post(ADJUSTMENTS, json=body, headers={"Idempotency-Key": key or uuid.uuid4().hex})


async def adjusted(client: httpx.AsyncClient, *lines: Any, **members: Any) -> list[dict[str, Any]]:
    response = await send(client, *lines, **members)
    assert response.status_code == 200, response.text
    found: list[dict[str, Any]] = response.json()["lines"]
    assert len(found) == len(lines)
    return found


async def catalogue(client: httpx.AsyncClient) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = (await client.get(COLLECTION, params={"include_inactive": "true"})).json()
    return found


async def refused(client: httpx.AsyncClient, status: int, code: str, *lines: Any) -> list[tuple[Any, ...]]:
    """Send an adjustment that is refused, check that nothing has changed, and return its faults."""
    before = await catalogue(client)
    problem = assert_problem(await send(client, *lines), status, code)
    assert await catalogue(client) == before
    return [
        (error["pointer"], error["code"], *([error["available"]] if "available" in error else []))
        for error in problem["errors"]
    ]


class TestAccess:
    @pytest.mark.one_database
    async def test_refuses_an_anonymous_caller_and_a_viewer(
        self, anonymous: httpx.AsyncClient, viewer: httpx.AsyncClient
    ) -> None:
        assert_problem(await send(anonymous, line("A", 1)), 401, "missing_token")
        response = await send(viewer, line("A", 1))
        assert_problem(response, 403, "insufficient_scope")
        assert 'scope="stock:adjust"' in response.headers["www-authenticate"]

    async def test_another_permission_to_write_is_not_enough(
        self, app: FastAPI, issuer: Issuer, create: Create
    ) -> None:
        product = await create(stock=1)
        async with client_of(app, issuer.token(permissions=["products:write"])) as client:
            assert_problem(await send(client, line(product, 1)), 403, "insufficient_scope")
        async with client_of(app, issuer.token(permissions=["stock:adjust"])) as client:
            (found,) = await adjusted(client, line(product, 1))
            assert found["stock_after"] == 2

    async def test_an_administrator_may(self, admin: httpx.AsyncClient, create: Create) -> None:
        (found,) = await adjusted(admin, line(await create(stock=1), -1))
        assert found["stock_after"] == 0


class TestKey:
    async def test_is_required(self, manager: httpx.AsyncClient, create: Create) -> None:
        product = await create(stock=1)
        response = await manager.post(ADJUSTMENTS, json={"lines": [line(product, 1)], "reason": "found"})
        assert_problem(response, 400, "idempotency_key_required")
        assert await catalogue(manager) == [product]

    async def test_repeated_requests_make_one_change(self, manager: httpx.AsyncClient, create: Create) -> None:
        product = await create(stock=9)
        answers = await asyncio.gather(*(send(manager, line(product, -2), key="a") for _ in range(5)))
        answers.append(await send(manager, line(product, -2), key="a"))
        assert {answer.status_code for answer in answers} == {200}
        assert len({answer.content for answer in answers}) == 1
        assert [answer.headers.get("idempotent-replayed") for answer in answers].count("true") == 5
        assert [each["stock"] for each in await catalogue(manager)] == [7]

    async def test_is_free_after_a_refusal(self, manager: httpx.AsyncClient, create: Create) -> None:
        product = await create(stock=1)
        assert_problem(await send(manager, line(product, -2), key="a"), 409, "insufficient_stock")
        await manager.put(f"{COLLECTION}{product['id']}", json={"stock": 2})
        (found,) = await adjusted(manager, line(product, -2), key="a")
        assert found["stock_after"] == 0


class TestAdjust:
    async def test_adds_and_takes(self, manager: httpx.AsyncClient, create: Create) -> None:
        one, other = await create(stock=10, sku="É-1"), await create(stock=0)
        found = await adjusted(manager, line(other, 5), line("e-1", -10, expected=10))
        assert found == [
            {"product_id": other["id"], "sku": None, "stock_before": 0, "stock_after": 5, "version": 2},
            {"product_id": one["id"], "sku": "É-1", "stock_before": 10, "stock_after": 0, "version": 2},
        ]
        after = await catalogue(manager)
        expected = [
            before | {"stock": stock, "version": 2, "updated_at": now["updated_at"]}
            for before, stock, now in zip((one, other), (0, 5), after, strict=True)
        ]
        assert after == expected
        assert all(now["updated_at"] > before["updated_at"] for before, now in zip((one, other), after, strict=True))
        assert (await manager.get(f"{COLLECTION}{one['id']}")).headers["etag"] == '"2"'

    async def test_sums_the_lines_of_a_product(self, manager: httpx.AsyncClient, create: Create) -> None:
        """However the lines name it. Only the sum has to be possible."""
        product = await create(stock=3, sku="A")
        lines = [line(product, -5), line("A", 4), line("a ", -1, expected=3)]
        found = await adjusted(manager, *lines)
        result = {"product_id": product["id"], "sku": "A", "stock_before": 3, "stock_after": 1, "version": 2}
        assert found == [result] * 3
        assert len(await whole_history(manager, product["id"])) == 2

    async def test_a_sum_of_0_changes_nothing(self, manager: httpx.AsyncClient, create: Create) -> None:
        product, other = await create(stock=3), await create(stock=3)
        found = await adjusted(manager, line(product, MAX_INTEGER), line(other, 1), line(product, -MAX_INTEGER))
        assert [(each["stock_before"], each["stock_after"], each["version"]) for each in found] == [
            (3, 3, 1),
            (3, 4, 2),
            (3, 3, 1),
        ]
        (same,) = {each["id"]: each for each in await catalogue(manager) if each["id"] == product["id"]}.values()
        assert same == product
        assert len(await whole_history(manager, product["id"])) == 1
        (found_again,) = {each["stock_after"] for each in await adjusted(manager, line(other, 1), line(other, -1))}
        assert found_again == 4

    async def test_reaches_inactive_products(self, manager: httpx.AsyncClient, create_inactive: Create) -> None:
        product = await create_inactive(stock=1)
        (found,) = await adjusted(manager, line(product, 4))
        assert (found["stock_after"], found["version"]) == (5, 3)
        assert [each["active"] for each in await catalogue(manager)] == [False]

    async def test_takes_a_hundred_lines(self, manager: httpx.AsyncClient, create: Create) -> None:
        made = [await create(stock=1) for _ in range(100)]
        found = await adjusted(manager, *(line(each, -1) for each in reversed(made)))
        assert [each["product_id"] for each in found] == [each["id"] for each in reversed(made)]
        assert {each["stock"] for each in await catalogue(manager)} == {0}

    async def test_any_number_of_products_takes_the_same_statements(
        self, container: PicoContainer, stocks: StockService, create: Create
    ) -> None:
        """On SQLite one statement may be executed for many rows."""
        made = [await create(stock=1) for _ in range(60)]
        numbers = []
        for count in (30, 60):
            order = {"lines": [line(each, 1) for each in made[:count]], "reason": "found"}
            with sent_statements(container.get(SessionManager).engine) as sent:
                await stocks.adjust(order)  # type: ignore[arg-type]
            numbers.append(len(sent))
        assert numbers[0] == numbers[1] <= 7

    @pytest.mark.parametrize("slash", ["", "/"])
    async def test_answers_with_and_without_a_slash(
        self, manager: httpx.AsyncClient, create: Create, slash: str
    ) -> None:
        body = {"lines": [line(await create(), 1)], "reason": "found"}
        response = await manager.post(ADJUSTMENTS + slash, json=body, headers={"Idempotency-Key": "a"})
        assert response.status_code == 200

    async def test_is_the_same_without_http(self, stocks: StockService, service: ProductService) -> None:
        product = await service.create({"name": "Lamp", "price": 1, "stock": 2})  # type: ignore[arg-type]
        order = {"lines": [{"product_id": product.id, "delta": -2}], "reason": "sold"}
        assert await stocks.adjust(order) == [AdjustedLine(product.id, None, 2, 0, 2)]  # type: ignore[arg-type]
        with pytest.raises(InsufficientStockError):
            await stocks.adjust(order)  # type: ignore[arg-type]
        (told,) = (await service.history(product.id, 2, 1)).content
        assert (told.type, told.actor) == ("product.stock_adjusted", "system")


class TestRecord:
    async def test_history_tells_what_and_why(self, manager: httpx.AsyncClient, create: Create) -> None:
        product = await create(stock=9, sku="A")
        await adjusted(manager, line("A", -1), line("A", -3), reason=" Bruch ✓ ", reference="R-7")
        await adjusted(manager, line("A", 1), reason="found", reference=None)
        _, broken, found = await whole_history(manager, product["id"])
        assert (broken["type"], broken["version"], broken["actor"]) == (
            "product.stock_adjusted",
            2,
            "product-manager-1",
        )
        assert (broken["before"], broken["after"], broken["delta"]) == ({"stock": 9}, {"stock": 5}, -4)
        assert (broken["reason"], broken["reference"]) == ("Bruch ✓", "R-7")
        assert (found["delta"], found["reason"], found["reference"]) == (1, "found", None)

    async def test_feed_tells_what_and_why(self, manager: httpx.AsyncClient, create: Create) -> None:
        made = [await create(stock=6), await create(stock=7)]
        query = {"types": "product.stock_adjusted,product.stock_low"}
        after = (await manager.get("/api/v1/events", params=query | {"after": "latest"})).json()["next"]
        await adjusted(manager, line(made[1], 1), line(made[0], -1), reference="order 7")
        query |= {"after": after, "wait": "20"}  # other databases of the server may have older transactions
        feed = (await manager.get("/api/v1/events", params=query)).json()["items"]
        assert [(told["type"], told["aggregate_id"], told["version"]) for told in feed] == [
            ("product.stock_adjusted", str(made[0]["id"]), 2),
            ("product.stock_low", str(made[0]["id"]), 2),
            ("product.stock_adjusted", str(made[1]["id"]), 2),
        ]
        assert feed[0]["payload"] == {
            "before": {"stock": 6},
            "after": {"stock": 5},
            "delta": -1,
            "reason": "sold",
            "reference": "order 7",
        }
        assert feed[1]["payload"] == {"name": "Lamp", "stock": 5, "threshold": 5}
        assert feed[2]["payload"]["delta"] == 1

    async def test_a_refused_adjustment_is_not_recorded(self, manager: httpx.AsyncClient, create: Create) -> None:
        product = await create(stock=1)
        await refused(manager, 409, "insufficient_stock", line(product, -2))
        assert len(await whole_history(manager, product["id"])) == 1


class TestRefusals:
    async def test_insufficient_stock_names_what_is_available(self, manager: httpx.AsyncClient, create: Create) -> None:
        plenty, few, none = await create(stock=9), await create(stock=2, sku="F"), await create(stock=0)
        lines = [
            line(plenty, -9),
            line(few, -2),
            line(none, -1),
            line("F", 1),
            line("f", -2),
            line(none, 7),
            line(none, -9),
        ]
        assert await refused(manager, 409, "insufficient_stock", *lines) == [
            ("#/lines/1/delta", "insufficient_stock", 2),
            ("#/lines/2/delta", "insufficient_stock", 0),
            ("#/lines/4/delta", "insufficient_stock", 2),
            ("#/lines/6/delta", "insufficient_stock", 0),
        ]

    async def test_names_every_line(self, manager: httpx.AsyncClient, create: Create) -> None:
        made = [await create(stock=number) for number in range(50)]
        found = await refused(manager, 409, "insufficient_stock", *(line(each, -50) for each in made * 2))
        assert found == [(f"#/lines/{n}/delta", "insufficient_stock", n % 50) for n in range(100)]

    async def test_a_stale_stock(self, manager: httpx.AsyncClient, create: Create) -> None:
        one, other = await create(stock=3), await create(stock=4)
        lines = [line(one, -1, expected=3), line(other, -9, expected=5), line(other, -1), line(one, 1, expected=0)]
        assert await refused(manager, 412, "precondition_failed", *lines) == [
            ("#/lines/1/expected", "precondition_failed", 4),
            ("#/lines/3/expected", "precondition_failed", 3),
        ]

    async def test_one_of_many_callers_with_the_same_expectation_succeeds(
        self, manager: httpx.AsyncClient, create: Create
    ) -> None:
        product = await create(stock=9)
        answers = await asyncio.gather(*(send(manager, line(product, -1, expected=9)) for _ in range(6)))
        assert sorted(answer.status_code for answer in answers) == [200] + [412] * 5
        assert [each["stock"] for each in await catalogue(manager)] == [8]

    @pytest.mark.parametrize("id", [0, -1, MAX_INTEGER, 2**31, 2**63, 10**30])
    async def test_an_unknown_id(self, manager: httpx.AsyncClient, create: Create, id: int) -> None:
        known = line(await create(stock=1), 1)
        found = await refused(manager, 422, "batch_rejected", known, {"product_id": id, "delta": -1})
        assert found == [("#/lines/1/product_id", "not_found")]

    async def test_an_unknown_sku(self, manager: httpx.AsyncClient, create: Create) -> None:
        known = line(await create(stock=1, sku="A"), -9, expected=7)
        found = await refused(manager, 422, "batch_rejected", known, line("B", 1), line("'; --", 1))
        assert found == [("#/lines/1/sku", "not_found"), ("#/lines/2/sku", "not_found")]

    async def test_a_deleted_product(
        self, manager: httpx.AsyncClient, admin: httpx.AsyncClient, create: Create
    ) -> None:
        product = await create(stock=1)
        await admin.delete(f"{COLLECTION}{product['id']}")
        found = await refused(manager, 422, "batch_rejected", line(product, 1))
        assert found == [("#/lines/0/product_id", "not_found")]

    async def test_a_stock_that_is_too_large(self, manager: httpx.AsyncClient, create: Create) -> None:
        product = await create(stock=MAX_INTEGER - 1)
        lines = [line(product, -1), line(product, 2), line(product, MAX_INTEGER)]
        assert await refused(manager, 422, "batch_rejected", *lines) == [
            ("#/lines/1/delta", "conflict"),
            ("#/lines/2/delta", "conflict"),
        ]
        (found,) = await adjusted(manager, line(product, 1))
        assert found["stock_after"] == MAX_INTEGER
        (found,) = await adjusted(manager, line(product, -MAX_INTEGER))
        assert found["stock_after"] == 0

    async def test_a_hundred_largest_deltas(self, manager: httpx.AsyncClient, create: Create) -> None:
        product = await create(stock=1)
        found = await refused(manager, 422, "batch_rejected", *[line(product, MAX_INTEGER)] * 100)
        assert found[0] == ("#/lines/0/delta", "conflict")
        found = await refused(manager, 409, "insufficient_stock", *[line(product, -MAX_INTEGER)] * 100)
        assert len(found) == 100


@pytest.mark.one_database
class TestInput:
    @pytest.mark.parametrize(
        ("wrong", "place"),
        [
            ({"delta": 0}, "#/lines/0/delta"),
            ({"delta": 2**31}, "#/lines/0/delta"),
            ({"delta": -(2**31)}, "#/lines/0/delta"),
            ({"delta": 10**400}, "#/lines/0/delta"),
            ({"delta": 1.0}, "#/lines/0/delta"),
            ({"delta": "1"}, "#/lines/0/delta"),
            ({"delta": True}, "#/lines/0/delta"),
            ({"delta": None}, "#/lines/0/delta"),
            ({"expected": -1}, "#/lines/0/expected"),
            ({"expected": 2**31}, "#/lines/0/expected"),
            ({"expected": None}, "#/lines/0/expected"),
            ({"product_id": 1}, "#/lines/0"),
            ({"sku": None}, "#/lines/0/sku"),
            ({"sku": ""}, "#/lines/0/sku"),
            ({"sku": "\x00"}, "#/lines/0/sku"),
            ({"sku": "\ud800"}, "#/lines/0/sku"),
            ({"stock": 1}, "#/lines/0/stock"),
        ],
        ids=str,
    )
    async def test_wrong_line(self, manager: httpx.AsyncClient, wrong: dict[str, Any], place: str) -> None:
        body = json.dumps({"lines": [{"sku": "A", "delta": 1} | wrong], "reason": "found"})
        headers = {"Content-Type": "application/json", "Idempotency-Key": "a"}
        assert_invalid(await manager.post(ADJUSTMENTS, content=body, headers=headers), place)

    async def test_a_line_without_a_name(self, manager: httpx.AsyncClient) -> None:
        assert_invalid(await send(manager, {"delta": 1}), "#/lines/0", "product_id_or_sku")

    @pytest.mark.parametrize("value", ["NaN", "Infinity", "1e400", "9" * 5000])
    async def test_a_number_that_is_none(self, manager: httpx.AsyncClient, value: str) -> None:
        body = f'{{"lines": [{{"sku": "A", "delta": {value}}}], "reason": "found"}}'
        headers = {"Content-Type": "application/json", "Idempotency-Key": "a"}
        response = await manager.post(ADJUSTMENTS, content=body, headers=headers)
        assert response.status_code in (400, 422)
        assert response.json()["code"] in ("malformed_body", "validation_failed")

    @pytest.mark.parametrize("name", ["reason", "reference"])
    @pytest.mark.parametrize(
        "text", ["", " ", "\x00", "a\x00b", "a\nb", "\u200b", "\u2028", "\ud800", "x" * 101, 7, ["sold"]], ids=ascii
    )
    async def test_wrong_text(self, manager: httpx.AsyncClient, name: str, text: Any) -> None:
        body = json.dumps({"lines": [line("A", 1)], "reason": "found"} | {name: text})
        headers = {"Content-Type": "application/json", "Idempotency-Key": "a"}
        assert_invalid(await manager.post(ADJUSTMENTS, content=body, headers=headers), f"#/{name}")

    async def test_no_reason(self, manager: httpx.AsyncClient) -> None:
        body = {"lines": [line("A", 1)]}
        response = await manager.post(ADJUSTMENTS, json=body, headers={"Idempotency-Key": "a"})
        assert_invalid(response, "#/reason", "missing")
        assert_invalid(await send(manager, line("A", 1), reason=None), "#/reason")

    async def test_number_of_lines(self, manager: httpx.AsyncClient) -> None:
        assert_invalid(await send(manager), "#/lines", "too_short")
        assert_invalid(await send(manager, *[line("A", 1)] * 101), "#/lines", "too_long")


class TestConcurrency:
    async def test_the_last_ones_are_sold_once(self, manager: httpx.AsyncClient, create: Create) -> None:
        product = await create(stock=10)
        answers = await asyncio.gather(*(send(manager, line(product, -1)) for _ in range(20)))
        assert Counter(answer.status_code for answer in answers) == {200: 10, 409: 10}
        left = sorted(answer.json()["lines"][0]["stock_after"] for answer in answers if answer.status_code == 200)
        assert left == list(range(10))
        (sold_out,) = await catalogue(manager)
        assert (sold_out["stock"], sold_out["version"]) == (0, 11)
        history = await whole_history(manager, product["id"])
        assert [change["after"]["stock"] for change in history] == list(range(10, -1, -1))

    async def test_opposite_orders_do_not_block_each_other(
        self, manager: httpx.AsyncClient, create: Create, caplog: pytest.LogCaptureFixture
    ) -> None:
        """Adjustments, batches and single updates change the same products."""
        made = [await create(stock=100, sku=f"S-{number}") for number in range(8)]

        async def adjust(number: int) -> None:
            lines = [line(each if number % 3 else each["sku"], -1) for each in made]
            await adjusted(manager, *(lines if number % 2 else lines[::-1]))

        async def batch(number: int) -> None:
            order = made if number % 2 else made[::-1]
            items = [{"op": "update", "id": each["id"], "changes": {"description": f"{number}"}} for each in order]
            response = await manager.post(f"{COLLECTION}bulk", json={"items": items})
            assert response.status_code == 207

        async def update(number: int) -> None:
            for each in made[::-1]:
                path = f"{COLLECTION}{each['id']}"
                response = await manager.put(
                    path, json={"price": number + 1}, headers={"Idempotency-Key": f"u{number}-{path}"}
                )
                assert response.status_code == 200

        await asyncio.gather(*(adjust(number) for number in range(10)), *map(batch, range(4)), *map(update, range(2)))
        assert {each["stock"] for each in await catalogue(manager)} == {90}
        assert {each["version"] for each in await catalogue(manager)} == {17}
        assert "deadlock" not in caplog.text


lines_of_a_request = st.lists(
    st.tuples(st.integers(0, 2), st.booleans(), st.integers(-4, 4).filter(bool), st.none() | st.integers(0, 3)),
    min_size=1,
    max_size=5,
)


@gate_on_postgresql
@given(before=st.lists(st.integers(0, 5), min_size=2, max_size=2), requests=st.lists(lines_of_a_request, max_size=4))
async def test_stocks_are_the_sum_of_what_was_applied(
    stocks: StockService,
    service: ProductService,
    before: list[int],
    requests: Sequence[Sequence[tuple[int, bool, int, int | None]]],
) -> None:
    """A model applies the same requests. A product with the place 2 does not exist."""
    for old in await service.list_active():
        await service.delete(old.id)
    rows = [
        await service.create({"name": "Lamp", "price": 1, "stock": stock, "sku": f"S{place}"})  # type: ignore[arg-type]
        for place, stock in enumerate(before)
    ]
    ids = [*(row.id for row in rows), MAX_INTEGER]
    state = list(before)
    for request in requests:
        order = {
            "reason": "counted",
            "lines": [
                ({"sku": f"s{place}"} if by_sku else {"product_id": ids[place]})
                | {"delta": delta}
                | ({} if expected is None else {"expected": expected})
                for place, by_sku, delta, expected in request
            ],
        }
        totals = Counter[int]()
        for place, _, delta, _ in request:
            totals[place] += delta
        error: type[Exception] | None = None
        if any(place == 2 for place, *_ in request):
            error = BatchRejectedError
        elif any(expected not in (None, state[place]) for place, _, _, expected in request):
            error = StaleStockError
        elif any(state[place] + total < 0 for place, total in totals.items()):
            error = InsufficientStockError
        if error:
            with pytest.raises(error):
                await stocks.adjust(order)  # type: ignore[arg-type]
        else:
            found = await stocks.adjust(order)  # type: ignore[arg-type]
            assert [each.stock_before for each in found] == [state[place] for place, *_ in request]
            state = [stock + totals[place] for place, stock in enumerate(state)]
            assert [each.stock_after for each in found] == [state[place] for place, *_ in request]
        for row, stock in zip(rows, state, strict=True):
            now = await service.get_by_id(row.id)
            last = (await service.history(row.id, 1, 100)).content[-1]
            assert (now.stock, now.version) == (stock, last.version)
            assert last.payload["after"]["stock"] == stock
