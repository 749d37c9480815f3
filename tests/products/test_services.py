"""The product service without HTTP, as a script, a task or a test calls it."""

import asyncio
from collections.abc import Awaitable, Callable
from decimal import Decimal
from typing import Any

import pytest
from pico_client_auth import SecurityContext
from pico_ioc import PicoContainer
from pico_pydantic import ValidationFailedError
from pico_sqlalchemy import SessionManager, Sort
from sqlalchemy import Row

from myapp.platform.errors import NotFoundError, PreconditionFailedError
from myapp.platform.lists import MAX_INTEGER
from myapp.products.sample import SampleCatalogue
from myapp.products.schemas import ProductChanges, ProductData, ProductFilter
from myapp.products.services import ProductService

LAMP = {"name": " Lamp ", "price": Decimal("19.99")}

NO_IDS: list[Any] = [0, -1, MAX_INTEGER, MAX_INTEGER + 1, 2**63, 10**5000, True, "1", "abc", 1.0, None]


class TestCreate:
    async def test_takes_a_mapping(self, service: ProductService) -> None:
        product = await service.create(LAMP)
        assert (product.name, product.price, product.stock, product.active) == ("Lamp", Decimal("19.99"), 0, True)
        assert product.version == 1
        assert product.created_at == product.updated_at
        assert product.created_at.utcoffset() is not None

    async def test_takes_a_model(self, service: ProductService) -> None:
        product = await service.create(ProductData(name="Lamp", description="Bright", price=Decimal(5), stock=3))
        found = await service.get_by_id(product.id)
        assert (found.description, found.price, found.stock) == ("Bright", Decimal("5.00"), 3)

    @pytest.mark.parametrize(
        ("price", "kept"),
        [
            (19.99, "19.99"),
            (0.1, "0.10"),
            (5, "5.00"),
            (Decimal("1E+2"), "100.00"),
            (Decimal("19.990"), "19.99"),
            (Decimal("0.01"), "0.01"),
            (Decimal("9999999999.99"), "9999999999.99"),
        ],
    )
    async def test_keeps_a_price_to_the_cent(self, service: ProductService, price: float | Decimal, kept: str) -> None:
        product = await service.create(LAMP | {"price": price})
        assert str(product.price) == str((await service.get_by_id(product.id)).price) == kept

    @pytest.mark.one_database
    @pytest.mark.parametrize(
        "data",
        [
            {},
            LAMP | {"name": "a"},
            LAMP | {"name": b"Lamp"},
            LAMP | {"name": "La\x00mp"},
            LAMP | {"name": "La\ud800mp"},
            LAMP | {"price": "9.50"},
            LAMP | {"price": True},
            LAMP | {"price": Decimal("NaN")},
            LAMP | {"price": Decimal("Infinity")},
            LAMP | {"price": float("inf")},
            LAMP | {"price": Decimal("9.999")},
            LAMP | {"price": Decimal("10000000000")},
            LAMP | {"stock": True},
            LAMP | {"stock": 2.0},
            LAMP | {"stock": 10**5000},
            LAMP | {"active": False},
            LAMP | {"id": 1},
            [("name", "Lamp")],
            None,
            "Lamp",
        ],
    )
    async def test_refuses_what_breaks_the_contract(self, service: ProductService, data: Any) -> None:
        with pytest.raises(ValidationFailedError):
            await service.create(data)
        assert await service.list_active() == []

    @pytest.mark.one_database
    async def test_refuses_models_that_were_made_past_their_rules(self, service: ProductService) -> None:
        changed = ProductData(name="Lamp", price=Decimal(1))
        changed.name = ""
        for data in (ProductData.model_construct(name="", price=-1), changed):
            with pytest.raises(ValidationFailedError):
                await service.create(data)
        assert await service.list_active() == []


class TestUpdate:
    async def test_takes_a_mapping_and_a_model(self, service: ProductService) -> None:
        product = await service.create(LAMP | {"description": "Bright"})
        changed = await service.update(product.id, {"stock": 4})
        assert (changed.name, changed.description, changed.stock, changed.version) == ("Lamp", "Bright", 4, 2)
        changed = await service.update(product.id, ProductChanges(description=None, name=" Torch "))
        assert (changed.name, changed.description, changed.stock, changed.version) == ("Torch", None, 4, 3)

    @pytest.mark.one_database
    @pytest.mark.parametrize(
        "data", [{}, {"name": None}, {"price": None}, {"stock": None}, {"active": None}, {"active": 1}, {"version": 9}]
    )
    async def test_refuses_what_breaks_the_contract(self, service: ProductService, data: dict[str, Any]) -> None:
        product = await service.create(LAMP)
        with pytest.raises(ValidationFailedError):
            await service.update(product.id, data)
        assert (await service.get_by_id(product.id)).version == 1

    @pytest.mark.one_database
    async def test_refuses_models_that_were_made_past_their_rules(self, service: ProductService) -> None:
        product = await service.create(LAMP)
        changed = ProductChanges(name="Torch")
        changed.price = Decimal(-1)
        for data in (ProductChanges.model_construct(), ProductChanges.model_construct(stock=-1), changed):
            with pytest.raises(ValidationFailedError):
                await service.update(product.id, data)
        assert (await service.get_by_id(product.id)).version == 1

    async def test_refuses_another_version(self, service: ProductService) -> None:
        product = await service.create(LAMP)
        with pytest.raises(PreconditionFailedError):
            await service.update(product.id, {"stock": 1}, frozenset({2}))
        with pytest.raises(PreconditionFailedError):
            await service.update(product.id, {"stock": 1}, frozenset())
        assert (await service.update(product.id, {"stock": 1}, frozenset({1, 7}))).version == 2

    async def test_loses_nothing_among_twenty_callers(self, service: ProductService) -> None:
        product = await service.create(LAMP)
        versions = [
            changed.version
            for changed in await asyncio.gather(*(service.update(product.id, {"stock": n + 1}) for n in range(20)))
        ]
        assert sorted(versions) == list(range(2, 22))


class TestErrors:
    """A call that raises changes nothing and does not affect the next call."""

    @pytest.mark.parametrize("id", NO_IDS, ids=lambda id: "huge" if id == 10**5000 else repr(id))
    async def test_an_id_that_cannot_exist_is_not_found(self, service: ProductService, id: Any) -> None:
        calls: list[Callable[[], Awaitable[Any]]] = [
            lambda: service.get_by_id(id),
            lambda: service.update(id, {"stock": 1}),
            lambda: service.deactivate(id),
            lambda: service.delete(id),
        ]
        product = await service.create(LAMP)
        if id == product.id:
            product = await service.create(LAMP)
        for call in calls:
            with pytest.raises(NotFoundError):
                await call()
            assert (await service.update(product.id, {"stock": product.stock + 1})).stock == product.stock + 1
            product = await service.get_by_id(product.id)
        assert product.version == 5

    async def test_the_next_call_commits(self, service: ProductService) -> None:
        product = await service.create(LAMP)
        with pytest.raises(NotFoundError):
            await service.delete(MAX_INTEGER)
        with pytest.raises(ValidationFailedError):
            await service.create({"name": "x"})
        with pytest.raises(PreconditionFailedError):
            await service.deactivate(product.id, frozenset({7}))
        await service.deactivate(product.id)
        with pytest.raises(NotFoundError):
            await service.get_by_id(product.id)
        assert (await service.get_by_id(product.id, include_inactive=True)).version == 2
        await service.delete(product.id)
        assert await service.list_active(include_inactive=True) == []

    async def test_no_connection_stays_in_use(self, service: ProductService, container: PicoContainer) -> None:
        for _ in range(30):  # more than the pool has connections
            with pytest.raises(NotFoundError):
                await service.delete(MAX_INTEGER)
        assert container.get(SessionManager).engine.pool.checkedout() == 0

    async def test_a_cancelled_call_changes_nothing(self, service: ProductService) -> None:
        product = await service.create(LAMP)
        tasks = [asyncio.create_task(service.update(product.id, {"stock": n + 1})) for n in range(8)]
        await asyncio.sleep(0.002)
        for task in tasks:
            task.cancel()
        done = [task for task in await asyncio.gather(*tasks, return_exceptions=True) if isinstance(task, Row)]
        found = await service.get_by_id(product.id)
        assert found.version >= 1 + len(done)
        assert (await service.update(product.id, {"stock": 100})).version == found.version + 1

    async def test_a_cancelled_call_leaves_no_lock_while_somebody_holds_its_traceback(
        self, service: ProductService
    ) -> None:
        product = await service.create(LAMP)
        held: list[object] = []
        for round in range(80):
            tasks = [asyncio.create_task(service.update(product.id, {"stock": 10 * round + n})) for n in range(8)]
            await asyncio.sleep(round % 40 * 0.0002)  # somewhere between the first statement and the commit
            for task in tasks:
                task.cancel()
            held += await asyncio.gather(*tasks, return_exceptions=True)
            await service.update(product.id, {"stock": 1000 + round})


class TestReads:
    async def test_need_no_caller(self, service: ProductService) -> None:
        assert SecurityContext.get() is None
        product = await service.create(LAMP)
        assert [found.id for found in await service.search("LAMP")] == [product.id]
        page = await service.list_paged(1, 10)
        assert ([found.id for found in page.content], page.total_elements) == ([product.id], 1)

    @pytest.mark.one_database
    async def test_know_every_filter(self, service: ProductService) -> None:
        first, second = await service.create(LAMP), await service.create(LAMP)
        await service.deactivate(first.id)
        assert [found.id for found in await service.list_active()] == [second.id]
        assert [found.id for found in await service.list_active(include_inactive=True)] == [first.id, second.id]
        assert [found.id for found in await service.list_active(first.id, include_inactive=True)] == [second.id]
        assert [found.id for found in await service.list_active(limit=1, include_inactive=True)] == [first.id]
        everything = ProductFilter(include_inactive=True)
        assert (await service.list_paged(1, 1)).total_elements == 1
        assert (await service.list_paged(1, 1, everything)).total_elements == 2
        assert (await service.list_paged(2, 1, filters=everything)).content[0].id == second.id
        assert (await service.list_paged(1, 1, everything, sort=[Sort("id", "DESC")])).content[0].id == second.id

    async def test_answers_are_of_no_use_to_change_the_table(self, service: ProductService) -> None:
        product = await service.create(LAMP)
        for answer in (product, await service.get_by_id(product.id)):
            with pytest.raises(AttributeError):
                answer.stock = 77  # type: ignore[attr-defined] # the attempt is the test
        await service.create(LAMP)
        assert (await service.get_by_id(product.id)).stock == 0


class TestSampleCatalogue:
    async def test_fills_an_empty_table_once(self, service: ProductService, container: PicoContainer) -> None:
        sample = container.get(SampleCatalogue)
        loaded = await sample.load()
        assert loaded >= 40
        everything = await service.list_active(include_inactive=True)
        assert len(everything) == loaded
        assert 0 < sum(not product.active for product in everything) < 10
        assert await sample.load() == 0
        assert len(await service.list_active(include_inactive=True)) == loaded

    async def test_leaves_a_table_alone_that_has_an_inactive_product(
        self, service: ProductService, container: PicoContainer
    ) -> None:
        await service.deactivate((await service.create(LAMP)).id)
        assert await container.get(SampleCatalogue).load() == 0
