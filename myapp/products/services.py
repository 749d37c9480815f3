"""The rules of the catalogue and the boundaries of its transactions."""

from collections.abc import Sequence

from pico_ioc import component
from pico_pydantic import validate
from pico_sqlalchemy import Page, Sort, transactional

from ..platform.errors import NotFoundError
from ..platform.events.event import RecordedEvent
from ..platform.events.fields import Fields, fields_of
from ..platform.events.history import EventHistory
from ..platform.events.publisher import EventPublisher
from ..platform.lists import page_request
from ..platform.versions import ExpectedVersions, require_version
from .events import CHANGES, changes, created, deleted
from .models import MAX_INTEGER, Product
from .repositories import ProductRepository, is_possible_id
from .schemas import ProductChanges, ProductData, ProductFilter
from .settings import ProductsSettings

EVERYTHING = ProductFilter()


@component
class ProductService:
    """Works the same from HTTP, a script, a task and a test; ``data`` may be a mapping.

    Raises ``NotFoundError``, ``PreconditionFailedError``, ``ValidationFailedError`` (pico-pydantic),
    ``DatabaseUnavailableError``, and ``ValueError`` for a page, a limit or a sort that cannot be; whatever is raised,
    nothing was changed and the next call is not affected.
    """

    def __init__(
        self, repo: ProductRepository, publisher: EventPublisher, events: EventHistory, settings: ProductsSettings
    ) -> None:
        self._repo = repo
        self._publisher = publisher
        self._events = events
        self._low_stock = settings.low_stock_threshold

    @transactional
    @validate
    async def create(self, data: ProductData) -> Product:
        product = await self._repo.save(Product(**data.model_dump()))
        await self._publisher.publish(created(product))
        return product

    @transactional(read_only=True)
    async def get_by_id(self, product_id: int, *, include_inactive: bool = False) -> Product:
        product = await self._repo.find_by_id(id=product_id) if is_possible_id(product_id) else None
        if product is None or not (product.active or include_inactive):
            raise NotFoundError("There is no such product.")
        return product

    @transactional(read_only=True)
    async def list_active(
        self, after_id: int = 0, limit: int = 1000, *, include_inactive: bool = False
    ) -> Sequence[Product]:
        """Up to ``limit`` products with an id above ``after_id``, in id order."""
        require(0 <= after_id <= MAX_INTEGER and limit >= 1, "after_id must be an id or 0, limit at least 1")
        return await self._repo.find_after(after_id, limit, include_inactive=include_inactive)

    @transactional(read_only=True)
    async def count(self, *, include_inactive: bool = False, at_most: int | None = None) -> int:
        """How many products there are; ``at_most`` spares counting on."""
        return await self._repo.count(at_most, include_inactive=include_inactive)

    @transactional(read_only=True)
    async def list_paged(
        self, page: int, page_size: int, filters: ProductFilter = EVERYTHING, sort: Sequence[Sort] = ()
    ) -> Page[Product]:
        """``page`` 1 is the first; one beyond the end is empty. With the exact total; every order ends with the id."""
        return await self._repo.find_paged(filters, page_request(page, page_size, sort))

    @transactional(read_only=True)
    async def search(self, name: str, limit: int = 100) -> Sequence[Product]:
        """Active products with ``name`` anywhere in theirs, without regard to case, in id order."""
        require(1 <= limit <= MAX_INTEGER, "limit must be at least 1")
        return await self._repo.search_by_name(name, limit)

    @transactional
    @validate
    async def update(self, product_id: int, data: ProductChanges, expected: ExpectedVersions = None) -> Product:
        product = await self._lock(product_id, expected)
        before = fields_of(product)
        for field, value in data.model_dump().items():
            setattr(product, field, value)
        return await self._save(product, before)

    @transactional
    async def deactivate(self, product_id: int, expected: ExpectedVersions = None) -> Product:
        product = await self._lock(product_id, expected)
        before = fields_of(product)
        product.active = False
        return await self._save(product, before)

    @transactional
    async def delete(self, product_id: int, expected: ExpectedVersions = None) -> None:
        product = await self._lock(product_id, expected)
        await self._repo.delete(product)
        await self._publisher.publish(deleted(product))

    @transactional(read_only=True)
    async def history(self, product_id: int, page: int, page_size: int) -> Page[RecordedEvent]:
        """The changes of a product, which may be deleted by now, oldest first."""
        wanted = page_request(page, page_size)
        if not is_possible_id(product_id):
            raise NotFoundError("There is no such product.")
        types = [change.type for change in CHANGES]
        found = await self._events.of("product", str(product_id), types, wanted)
        if not found.total_elements:
            await self.get_by_id(product_id, include_inactive=True)  # raises for one that never was
        return found

    async def _save(self, product: Product, before: Fields) -> Product:
        saved = await self._repo.save(product)
        await self._publisher.publish(*changes(before, saved, self._low_stock))
        return saved

    async def _lock(self, product_id: int, expected: ExpectedVersions) -> Product:
        product = await self._repo.lock_by_id(product_id) if is_possible_id(product_id) else None
        if product is None:
            raise NotFoundError("There is no such product.")
        require_version("product", product.version, expected)
        return product


def require(condition: bool, message: str) -> None:
    if not condition:
        raise ValueError(message)
