"""Declarative queries return entities, and pages in a total order."""

from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import pytest
from pico_ioc import PicoContainer
from pico_sqlalchemy import Page, PageRequest, Sort

from myapp.products.models import Product

from .conftest import lamp
from .probe import HomelessRepository, ProbeRepository


@pytest.fixture
def repo(probe_container: PicoContainer) -> ProbeRepository:
    made: ProbeRepository = probe_container.get(ProbeRepository)
    return made


async def fill(repo: ProbeRepository, *stocks: int) -> list[Product]:
    return [await repo.save(lamp(f"Lamp {number}", stock=stock)) for number, stock in enumerate(stocks)]


def stocks(page: Page[Product]) -> list[int]:
    return [product.stock for product in page.content]


class TestList:
    async def test_it_holds_entities_with_the_types_of_their_columns(self, repo: ProbeRepository) -> None:
        saved = await repo.save(lamp(price="0.10", stock=3, description="Zeilenumbruch\nund “Zitat”"))
        [product] = await repo.with_stock(least=3)
        assert isinstance(product, Product)
        assert product is not saved
        assert (product.price, product.stock, product.active) == (Decimal("0.10"), 3, True)
        assert isinstance(product.active, bool)
        assert isinstance(product.price, Decimal)
        assert product.created_at == saved.created_at
        assert product.created_at.tzinfo is UTC
        assert product.description == saved.description

    async def test_it_holds_rows_if_it_says_so(self, repo: ProbeRepository) -> None:
        saved = await repo.save(lamp("Lamp", stock=3))
        [row] = await repo.rows_with_stock(3)
        page = await repo.page_of_rows(3, PageRequest(0, 10))
        for found in (row, page.content[0], await repo.row_named("Lamp")):
            assert not isinstance(found, Product)
            assert found is not None
            assert (found.id, found.price, found.created_at) == (saved.id, saved.price, saved.created_at)
        assert page.total_elements == 1
        assert await repo.row_named("Desk") is None

    async def test_defaults_and_positional_arguments(self, repo: ProbeRepository) -> None:
        await fill(repo, 1, 2, 3)
        assert len(await repo.with_stock()) == 3
        assert len(await repo.with_stock(2)) == 2

    async def test_none_is_an_empty_list(self, repo: ProbeRepository) -> None:
        assert await repo.with_stock(least=1) == []

    async def test_wrong_arguments(self, repo: ProbeRepository) -> None:
        with pytest.raises(TypeError):
            await repo.with_stock(most=1)

    async def test_a_value_is_never_sql(self, repo: ProbeRepository) -> None:
        await fill(repo, 1)
        assert await repo.named(name="x' OR '1' = '1") is None


class TestUnique:
    async def test_the_entity(self, repo: ProbeRepository) -> None:
        await fill(repo, 1, 2)
        product = await repo.named(name="Lamp 1")
        assert isinstance(product, Product)
        assert product.stock == 2

    async def test_none(self, repo: ProbeRepository) -> None:
        assert await repo.named(name="Lamp") is None


class TestPage:
    async def test_total_and_position(self, repo: ProbeRepository) -> None:
        await fill(repo, 0, 1, 2, 3, 4)
        page = await repo.page_with_stock(least=1, page=PageRequest(page=1, size=3))
        assert isinstance(page.content[0], Product)
        assert (stocks(page), page.total_elements, page.page, page.size) == ([4], 4, 1, 3)
        assert (page.total_pages, page.is_first, page.is_last) == (2, False, True)

    async def test_beyond_the_end_the_total_is_still_right(self, repo: ProbeRepository) -> None:
        await fill(repo, 0, 1, 2)
        page = await repo.page_with_stock(least=1, page=PageRequest(page=9, size=2))
        assert (page.content, page.total_elements) == ([], 2)

    async def test_of_no_rows(self, repo: ProbeRepository) -> None:
        page = await repo.page_with_stock(least=1, page=PageRequest(page=0, size=2))
        assert (page.content, page.total_elements, page.total_pages) == ([], 0, 0)

    async def test_sorts(self, repo: ProbeRepository) -> None:
        await fill(repo, 2, 3, 1)

        async def sorted_by(*sorts: Sort) -> list[int]:
            return stocks(await repo.page_with_stock(0, PageRequest(page=0, size=9, sorts=list(sorts))))

        assert await sorted_by(Sort("stock")) == [1, 2, 3]
        assert await sorted_by(Sort("stock", "desc")) == [3, 2, 1]
        assert await sorted_by(Sort("price"), Sort("name", "DESC")) == [1, 3, 2]

    async def test_equal_rows_keep_one_order_on_every_page(self, repo: ProbeRepository) -> None:
        await fill(repo, *[7] * 9)
        found = [
            product.id
            for number in range(5)
            for product in (
                await repo.page_with_stock(0, PageRequest(page=number, size=2, sorts=[Sort("stock", "DESC")]))
            ).content
        ]
        assert found == sorted(set(found))
        assert len(found) == 9

    @pytest.mark.parametrize("name", ["no_such_column", "stock; DROP TABLE products", "Product.stock", "__table__", ""])
    async def test_an_unknown_sort(self, repo: ProbeRepository, name: str) -> None:
        with pytest.raises(ValueError, match="Invalid sort field"):
            await repo.page_with_stock(0, PageRequest(page=0, size=1, sorts=[Sort(name)]))

    async def test_without_a_page_request(self, repo: ProbeRepository) -> None:
        with pytest.raises(TypeError, match="page: PageRequest"):
            await repo.page_of_nothing()


class TestOther:
    async def test_sql_is_left_to_the_package(self, repo: ProbeRepository) -> None:
        await fill(repo, 1, 5)
        assert [dict(row) for row in await repo.names_and_stocks(least=2)] == [{"name": "Lamp 1", "stock": 5}]

    async def test_an_expression_needs_an_entity(self, probe_container: PicoContainer) -> None:
        homeless: Any = probe_container.get(HomelessRepository)
        with pytest.raises(RuntimeError, match="entity"):
            await homeless.nothing()

    async def test_times_are_those_of_now(self, repo: ProbeRepository) -> None:
        before = datetime.now(UTC)
        [product] = await fill(repo, 1)
        assert before <= product.created_at == product.updated_at <= datetime.now(UTC)
