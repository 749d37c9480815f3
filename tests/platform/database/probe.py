"""Components for tests, scanned with those of the application: queries and transactions of every kind."""

from typing import Any

from pico_ioc import component
from pico_sqlalchemy import PageRequest, SessionManager, get_session, query, repository, transactional

from myapp.products.models import Product


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
