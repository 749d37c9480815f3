"""Components for tests, scanned with those of the application: queries and transactions of every kind."""

from collections.abc import Sequence
from typing import Any

from pico_ioc import component
from pico_pydantic import validate
from pico_sqlalchemy import Page, PageRequest, SessionManager, get_session, query, repository, transactional
from sqlalchemy import select, update

from myapp.products.models import Product, ProductRecord
from myapp.products.schemas import ProductChanges


@repository(entity=Product)
class ProbeRepository:
    def __init__(self, manager: SessionManager) -> None:
        self._manager = manager

    async def save(self, product: Product) -> Product:
        session = get_session(self._manager)
        session.add(product)
        await session.flush()
        return product

    @query(expr="stock >= :least")
    async def with_stock(self, least: int = 0) -> Any: ...

    @query(expr="name = :name", unique=True)
    async def named(self, name: str) -> Any: ...

    @query(expr="stock >= :least")
    async def rows_with_stock(self, least: int) -> Sequence[ProductRecord]: ...

    @query(expr="name = :name", unique=True)
    async def row_named(self, name: str) -> ProductRecord | None: ...

    @query(expr="stock >= :least", paged=True)
    async def page_of_rows(self, least: int, page: PageRequest) -> Page[ProductRecord]: ...

    @query(expr="stock >= :least", paged=True)
    async def page_with_stock(self, least: int, page: PageRequest) -> Any: ...

    @query(expr="stock >= 0", paged=True)
    async def page_of_nothing(self) -> Any: ...

    @query(sql="SELECT name, stock FROM products WHERE stock >= :least ORDER BY id")
    async def names_and_stocks(self, least: int) -> Any: ...


@repository
class HomelessRepository:
    @query(expr="stock >= 0")
    async def nothing(self) -> Any: ...


class HarmlessError(Exception):
    """An error that does not roll back."""


@component
class ProbeService:
    def __init__(self, repo: ProbeRepository, manager: SessionManager) -> None:
        self._repo = repo
        self._manager = manager

    @transactional
    async def save(self, product: Product) -> Product:
        return await self._repo.save(product)

    @transactional
    async def save_and_fail(self, product: Product, error: Exception) -> None:
        await self._repo.save(product)
        raise error

    @transactional(no_rollback_for=(HarmlessError,))
    async def save_and_fail_harmlessly(self, product: Product) -> None:
        await self._repo.save(product)
        raise HarmlessError

    @transactional(read_only=True)
    async def save_while_reading(self, product: Product) -> None:
        await self._repo.save(product)

    @transactional
    async def save_and_find(self, product: Product) -> Any:
        await self._repo.save(product)
        return await self._repo.named(name=product.name)


@component
class VictimService:
    """Each call counts an attempt and adds one to the stock of all products.

    The first ``failures`` attempts are the victims of a conflict with another transaction.
    """

    def __init__(self, manager: SessionManager) -> None:
        self._manager = manager
        self.failures = 0
        self.attempts: list[Any] = []

    @transactional(isolation_level="REPEATABLE READ")
    async def work(self, *arguments: Any) -> Product:
        return await self._work(arguments)

    @validate
    @transactional(isolation_level="REPEATABLE READ")
    async def validated_inside(self, data: ProductChanges) -> Product:
        return await self._work(data)

    @transactional(isolation_level="REPEATABLE READ")
    @validate
    async def validated_outside(self, data: ProductChanges) -> Product:
        return await self._work(data)

    async def _work(self, argument: Any) -> Product:
        self.attempts.append(argument)
        session = get_session(self._manager)
        product = (await session.scalars(select(Product))).one()
        if len(self.attempts) <= self.failures:
            async with self._manager.transaction(propagation="REQUIRES_NEW") as other:
                await other.execute(update(Product).values(description=f"attempt {len(self.attempts)}"))
        product.stock += 1
        await session.flush()
        return product


@component
class OuterService:
    def __init__(self, inner: VictimService) -> None:
        self._inner = inner

    @transactional(isolation_level="REPEATABLE READ")
    async def work(self) -> None:
        await self._inner.work()
