"""The rules of the product catalogue. Each public method is one transaction."""

from collections.abc import Collection, Sequence
from dataclasses import replace

from pico_ioc import component
from pico_pydantic import validate
from pico_sqlalchemy import Page, Sort, transactional

from ..platform.database.rows import changed_row, new_row, values_of
from ..platform.database.sessions import AUTOCOMMIT
from ..platform.errors import NotFoundError
from ..platform.events.event import RecordedEvent
from ..platform.events.fields import Fields
from ..platform.events.history import EventHistory
from ..platform.fold import fold
from ..platform.lists import MAX_INTEGER, Counts, FacetedPage, Position, Slice, UncountedPage, page_request
from ..platform.text import is_storable
from ..platform.versions import ExpectedVersions, require_version
from .changes import changed_columns, merged
from .events import CHANGES, ProductEvent, change_events, created_event, deleted_event
from .models import Product, ProductRecord, folds_of
from .repositories import ProductRepository, is_possible_id
from .schemas import Facet, ProductChanges, ProductData, ProductFilter, ProductPatch
from .settings import ProductsSettings

NO_FILTERS = ProductFilter()


@component
class ProductService:
    """The product catalogue, for HTTP, scripts, tasks and tests. ``data`` may be a mapping.

    Raises ``NotFoundError``, ``PreconditionFailedError``, ``ValidationFailedError`` (pico-pydantic),
    ``DatabaseUnavailableError``, and ``ValueError`` for an impossible page, limit or sort. A method that raises has
    changed nothing and does not affect the next call.
    """

    def __init__(self, repo: ProductRepository, events: EventHistory, settings: ProductsSettings) -> None:
        self._repo = repo
        self._events = events
        self._low_stock = settings.low_stock_threshold

    @transactional(isolation_level=AUTOCOMMIT)
    @validate
    async def create(self, data: ProductData) -> ProductRecord:
        product = new_row(Product, data.model_dump() | folds_of(data.name))
        return await self._repo.insert(product, created_event(product))

    @transactional(read_only=True)
    async def get_by_id(self, product_id: int, *, include_inactive: bool = False) -> ProductRecord:
        product = await self._repo.find_by_id(id=product_id) if is_possible_id(product_id) else None
        return visible(product, include_inactive=include_inactive)

    @transactional(read_only=True)
    async def get_by_sku(self, sku: str, *, include_inactive: bool = False) -> ProductRecord:
        product = await self._repo.find_by_folded_sku(folded=fold(sku)) if is_storable(sku) else None
        return visible(product, include_inactive=include_inactive)

    @transactional(read_only=True)
    async def list_active(
        self, after_id: int = 0, limit: int = 1000, *, include_inactive: bool = False
    ) -> Sequence[ProductRecord]:
        """Return up to ``limit`` products with an id above ``after_id``, sorted by id."""
        require(0 <= after_id <= MAX_INTEGER and limit >= 1, "after_id must be an id or 0, limit at least 1")
        return await self._repo.find_after(after_id, limit, include_inactive=include_inactive)

    @transactional(read_only=True)
    async def count(self, *, include_inactive: bool = False) -> int:
        """Return the number of products. It costs the same for any number."""
        return await self._repo.count(include_inactive=include_inactive)

    @transactional(read_only=True)
    async def counts(self) -> dict[str, tuple[int, int]]:
        """Return the number of active products and of all, each as the database keeps it and as counted now.

        Both are equal unless somebody has changed the tables without their triggers. This reads the whole table.
        """
        return await self._repo.counts()

    @transactional
    async def recount(self) -> None:
        """Set the numbers that the database keeps to what is counted now."""
        await self._repo.recount()

    @transactional(read_only=True)
    async def list_paged(
        self,
        page: int,
        page_size: int,
        filters: ProductFilter = NO_FILTERS,
        sort: Sequence[Sort] = (),
        facets: Collection[Facet] = (),
    ) -> Page[ProductRecord]:
        """Return one page and the exact total. ``page`` 1 is the first, one beyond the end is empty.

        Products that ``sort`` finds equal come in the order of their ids. With ``facets``, return a ``FacetedPage``.
        """
        found = await self._repo.find_paged(filters, page_request(page, page_size, sort))
        if not facets:
            return found
        counts = await self._facet_counts(facets, filters)
        return FacetedPage(found.content, found.total_elements, found.page, found.size, counts)

    @transactional(read_only=True)
    async def list_uncounted(
        self,
        page: int,
        page_size: int,
        filters: ProductFilter = NO_FILTERS,
        sort: Sequence[Sort] = (),
        facets: Collection[Facet] = (),
    ) -> UncountedPage:
        """Return one page without a total, which costs less. Otherwise like ``list_paged``."""
        found = await self._repo.find_uncounted(filters, page_request(page, page_size, sort))
        return replace(found, facets=await self._facet_counts(facets, filters))

    async def _facet_counts(self, facets: Collection[Facet], filters: ProductFilter) -> dict[str, Counts]:
        return {facet: await self._repo.count_tags(filters) for facet in facets}  # tags are the only facet

    @transactional(read_only=True)
    async def scroll(
        self,
        limit: int,
        filters: ProductFilter = NO_FILTERS,
        sort: Sequence[Sort] = (),
        position: Position | None = None,
    ) -> Slice:
        """Return up to ``limit`` products from ``position`` on, in the order of ``list_paged``.

        A product that is there all the time, and whose sort values stay, comes exactly once, whatever others change.
        The cost is the same everywhere in the list. Raises ``InvalidCursorError`` for a position of another order.
        """
        require(1 <= limit < MAX_INTEGER, "limit must be at least 1")
        return await self._repo.find_from(position, limit, filters, sort)

    @transactional(read_only=True)
    async def search(self, name: str, limit: int = 100) -> Sequence[ProductRecord]:
        """Return active products whose name has every word of ``name``, in any order, sorted by id."""
        require(1 <= limit <= MAX_INTEGER, "limit must be at least 1")
        return await self._repo.search_by_name(name, limit)

    @transactional
    @validate
    async def update(self, product_id: int, data: ProductChanges, expected: ExpectedVersions = None) -> ProductRecord:
        return await self._change(await self._lock(product_id, expected), data.model_dump())

    @transactional
    @validate
    async def patch(self, product_id: int, data: ProductPatch, expected: ExpectedVersions = None) -> ProductRecord:
        """Merge ``data`` into the product (RFC 7396). Unlike ``update``, it changes single attributes."""
        product = await self._lock(product_id, expected)
        return await self._change(product, merged(values_of(product), data.model_dump()))

    @transactional
    async def deactivate(self, product_id: int, expected: ExpectedVersions = None) -> ProductRecord:
        return await self._change(await self._lock(product_id, expected), {"active": False})

    @transactional
    async def delete(self, product_id: int, expected: ExpectedVersions = None) -> None:
        product = await self._lock(product_id, expected)
        await self._repo.delete(product, deleted_event(values_of(product)))

    @transactional(read_only=True)
    async def history(self, product_id: int, page: int, page_size: int) -> Page[RecordedEvent]:
        """Return the changes of a product, oldest first. Works for deleted products too."""
        request = page_request(page, page_size)
        if not is_possible_id(product_id):
            raise NotFoundError("There is no such product.")
        types = [change.type for change in CHANGES]
        found = await self._events.find_of_aggregate(ProductEvent.aggregate, str(product_id), types, request)
        if not found.total_elements:
            await self.get_by_id(product_id, include_inactive=True)  # raises if the product never existed
        return found

    async def _change(self, product: ProductRecord, fields: Fields) -> ProductRecord:
        """Set ``fields`` of a locked product. If they have these values already, change nothing."""
        before = values_of(product)
        changes = changed_columns(before, fields)
        if not changes:
            return product
        changes = changed_row(Product, product, changes)
        return await self._repo.update(product, changes, *change_events(before, changes, self._low_stock))

    async def _lock(self, product_id: int, expected: ExpectedVersions) -> ProductRecord:
        product = await self._repo.lock_by_id(product_id) if is_possible_id(product_id) else None
        if product is None:
            raise NotFoundError("There is no such product.")
        require_version("product", product.version, expected)
        return product


@component
class FoldedNames:
    """Folds the names that processes of an older release write while both releases run."""

    def __init__(self, repo: ProductRepository) -> None:
        self._repo = repo

    @transactional(read_only=True)
    async def is_work_left(self) -> bool:
        return await self._repo.has_unfolded()

    @transactional
    async def fold_batch(self, limit: int) -> int:
        """Fold up to ``limit`` names and return their number."""
        return await self._repo.fold_unfolded(limit)


def visible(product: ProductRecord | None, *, include_inactive: bool) -> ProductRecord:
    """Return ``product``. Raise NotFoundError if there is none, or if it is inactive and nobody asked for those."""
    if product is None or not (product.active or include_inactive):
        raise NotFoundError("There is no such product.")
    return product


def require(condition: bool, message: str) -> None:
    if not condition:
        raise ValueError(message)
