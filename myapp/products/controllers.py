"""The HTTP API of the product catalogue."""

from functools import partial
from typing import Annotated, Any

from fastapi import Query, Response
from pico_fastapi import controller
from pydantic import MISSING, Field, TypeAdapter

from ..platform.auth.authorities import requires_permission, requires_permission_for
from ..platform.database.columns import sortable_fields
from ..platform.errors import (
    AlreadyExistsError,
    CursorMismatchError,
    InvalidCursorError,
    NotFoundError,
    PreconditionFailedError,
)
from ..platform.web.cursors import Cursors, ScrollQuery, ScrollResponse
from ..platform.web.operations import merge_patch
from ..platform.web.paging import FacetedPageResponse, Limit, PageQuery, PageResponse, sort_order, stream_list
from ..platform.web.preconditions import IfMatch
from ..platform.web.routing import delete, get, patch, post, put
from .models import Product
from .schemas import (
    SEARCH,
    Facet,
    NamePart,
    ProductChangeResponse,
    ProductCreate,
    ProductFilter,
    ProductPatch,
    ProductResponse,
    ProductUpdate,
)
from .services import ProductService
from .settings import CatalogueSettings, ProductsSettings

PRODUCTS = TypeAdapter(list[ProductResponse])

IncludeInactive = Annotated[
    bool, Query(description="Include deactivated products. Needs the permission `products:read_inactive`.")
]
SearchText = Annotated[NamePart, Query(description=SEARCH)]
ProductSort = Annotated[
    Any,
    sort_order(*sortable_fields(Product)),
    Query(
        description="Sort fields, the most important first; `-` sorts descending. Names are compared without case and"
        " accents, and the numbers in them by value. Equal products are sorted by id."
    ),
]
MERGE_PATCH = merge_patch(ProductPatch)
read_inactive = requires_permission_for("include_inactive", "products:read_inactive")


class SortedProducts(ProductFilter):
    """The query parameters that say which products a list has, and in which order."""

    sort: ProductSort = Field(default="id", validate_default=True)
    include_inactive: IncludeInactive = False


class ProductListQuery(SortedProducts, PageQuery):
    total: Annotated[
        bool,
        Query(
            description="`false`: do not count the matches. `total` and `pages` are then `null`, and no link is `last`."
        ),
    ] = True
    facets: Facet | MISSING = Field(
        default=MISSING,
        description="Also count the tags of all products that match the filters. The most frequent 100 tags are shown.",
    )

    def wanted_facets(self) -> list[Facet]:
        return [] if self.facets is MISSING else [self.facets]


class ProductScrollQuery(SortedProducts, ScrollQuery):
    """Every parameter but those of ``ScrollQuery`` belongs to the list, and must stay the same with its cursors."""


@controller(prefix="/api/v1/products", tags=["Products"], scope="singleton")
class ProductController:
    def __init__(
        self, service: ProductService, settings: ProductsSettings, catalogue: CatalogueSettings, cursors: Cursors
    ) -> None:
        self._service = service
        self._cursors = cursors
        self.response_context = catalogue.currency
        self._batch_size = settings.list_batch_size

    @get("/", response_model=list[ProductResponse])
    @read_inactive
    async def list_products(self, include_inactive: IncludeInactive = False) -> Response:
        """List all products, sorted by id. The answer is streamed, so the list can have any length."""
        batch_after = partial(self._service.list_active, limit=self._batch_size, include_inactive=include_inactive)
        return await stream_list(PRODUCTS, batch_after, self._batch_size, self.response_context)

    @get("/paged", response_model=FacetedPageResponse[ProductResponse], paged=True)
    @read_inactive
    async def list_paged(self, query: Annotated[ProductListQuery, Query()]) -> Any:
        """Return one page of the products that match all filters, with the total number of matches."""
        read = self._service.list_paged if query.total else self._service.list_uncounted
        return await read(query.page, query.page_size, query, query.sort, query.wanted_facets())

    @get(
        "/scroll",
        response_model=ScrollResponse[ProductResponse],
        paged=True,
        errors=[InvalidCursorError, CursorMismatchError],
    )
    @read_inactive
    async def scroll_products(self, query: Annotated[ProductScrollQuery, Query()]) -> Any:
        """Return the next products that match all filters. Unlike `/paged`, it costs the same at any depth.

        Begin without a cursor. Then repeat all parameters with `cursor` set to `next`, or to `prev` for the products
        before, as the links in `Link` do; only `limit` may change. Products that are there all the time, and whose
        sort fields stay the same, come exactly once, even while others are created, changed and deleted.
        """
        return await self._cursors.scroll(
            "products", query, partial(self._service.scroll, query.limit, query, query.sort)
        )

    @get("/search", response_model=list[ProductResponse])
    async def search_products(self, q: SearchText, limit: Limit = 100) -> Any:
        """List active products whose name has every word of `q`, sorted by id."""
        return await self._service.search(q, limit)

    @get("/{product_id:id}", response_model=ProductResponse, versioned=True, errors=[NotFoundError])
    @read_inactive
    async def get_product(self, product_id: int, include_inactive: IncludeInactive = False) -> Any:
        return await self._service.get_by_id(product_id, include_inactive=include_inactive)

    @get("/by-sku/{sku:path}", response_model=ProductResponse, versioned=True, errors=[NotFoundError])
    @read_inactive
    async def get_product_by_sku(self, sku: str, include_inactive: IncludeInactive = False) -> Any:
        """Return the product with this SKU. Case and accents make no difference."""
        return await self._service.get_by_sku(sku, include_inactive=include_inactive)

    @get(
        "/{product_id:id}/history",
        response_model=PageResponse[ProductChangeResponse],
        paged=True,
        errors=[NotFoundError],
    )
    @requires_permission("events:read")
    async def product_history(self, product_id: int, query: Annotated[PageQuery, Query()]) -> Any:
        """List the changes of a product, oldest first: who changed it, when, and the old and new values.

        Works for deleted products too.
        """
        return await self._service.history(product_id, query.page, query.page_size)

    @post("/", response_model=ProductResponse, status_code=201, versioned=True, errors=[AlreadyExistsError])
    @requires_permission("products:write")
    async def create_product(self, body: ProductCreate) -> Any:
        return await self._service.create(body.model_dump())

    @put(
        "/{product_id:id}",
        response_model=ProductResponse,
        versioned=True,
        errors=[NotFoundError, AlreadyExistsError, PreconditionFailedError],
    )
    @requires_permission("products:write")
    async def update_product(self, product_id: int, body: ProductUpdate, expected: IfMatch) -> Any:
        """Change only the fields that are sent. `null` clears the description, the SKU and the GTIN.

        Works for inactive products too; `active: true` activates one again.
        """
        return await self._service.update(product_id, body.model_dump(), expected)

    @patch(
        "/{product_id:id}",
        response_model=ProductResponse,
        versioned=True,
        errors=[NotFoundError, AlreadyExistsError, PreconditionFailedError],
        openapi_extra=MERGE_PATCH,
    )
    @requires_permission("products:write")
    async def patch_product(self, product_id: int, body: ProductPatch, expected: IfMatch) -> Any:
        """Merge the body into the product (RFC 7396). `null` removes a member, also one of the attributes."""
        return await self._service.patch(product_id, body.model_dump(), expected)

    @patch(
        "/{product_id:id}/deactivate",
        response_model=ProductResponse,
        versioned=True,
        errors=[NotFoundError, PreconditionFailedError],
    )
    @requires_permission("products:write")
    async def deactivate_product(self, product_id: int, expected: IfMatch) -> Any:
        """Hide a product from the catalogue but keep its data. Repeating the call changes nothing."""
        return await self._service.deactivate(product_id, expected)

    @delete("/{product_id:id}", status_code=204, errors=[NotFoundError, PreconditionFailedError])
    @requires_permission("products:delete")
    async def delete_product(self, product_id: int, expected: IfMatch) -> None:
        await self._service.delete(product_id, expected)
