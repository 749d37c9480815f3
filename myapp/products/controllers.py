"""The catalogue over HTTP."""

from functools import partial
from typing import Annotated, Any

from fastapi import Query, Response
from pico_fastapi import controller
from pydantic import AfterValidator, StringConstraints, TypeAdapter

from ..auth.authorities import only_with, requires_permission
from ..errors import NotFoundError, PreconditionFailedError
from ..text import without_nul
from ..web.paging import Limit, PageNumber, PageResponse, PageSize, stream_list
from ..web.preconditions import IfMatch
from ..web.problems import INSUFFICIENT_SCOPE
from ..web.routing import delete, get, patch, post, put
from .schemas import ProductCreate, ProductResponse, ProductUpdate
from .services import ProductService
from .settings import ProductsSettings

PRODUCTS = TypeAdapter(list[ProductResponse])

IncludeInactive = Annotated[
    bool,
    AfterValidator(only_with("products:read_inactive")),
    Query(description="Show deactivated products too; needs `products:read_inactive`."),
]
SearchText = Annotated[
    str,
    StringConstraints(min_length=1, max_length=100),
    AfterValidator(without_nul),
    Query(description="Part of a name; case does not count."),
]


@controller(prefix="/api/v1/products", tags=["Products"], scope="singleton")
class ProductController:
    def __init__(self, service: ProductService, settings: ProductsSettings) -> None:
        self._service = service
        self._batch_size = settings.list_batch_size

    @get("/", response_model=list[ProductResponse], errors=[INSUFFICIENT_SCOPE])
    async def list_products(self, include_inactive: IncludeInactive = False) -> Response:
        """All products in id order; of any number, in constant memory."""
        batch_after = partial(self._service.list_active, limit=self._batch_size, include_inactive=include_inactive)
        return await stream_list(PRODUCTS, batch_after, self._batch_size)

    @get("/paged", response_model=PageResponse[ProductResponse], paged=True, errors=[INSUFFICIENT_SCOPE])
    async def list_paged(
        self, page: PageNumber = 1, page_size: PageSize = 10, include_inactive: IncludeInactive = False
    ) -> Any:
        """One page of the products in id order, and how many there are in all."""
        return await self._service.list_paged(page, page_size, include_inactive=include_inactive)

    @get("/search", response_model=list[ProductResponse])
    async def search_products(self, q: SearchText, limit: Limit = 100) -> Any:
        """Products with `q` anywhere in the name, in id order."""
        return await self._service.search(q, limit)

    @get(
        "/{product_id:id}",
        response_model=ProductResponse,
        versioned=True,
        errors=[NotFoundError, INSUFFICIENT_SCOPE],
    )
    async def get_product(self, product_id: int, include_inactive: IncludeInactive = False) -> Any:
        return await self._service.get_by_id(product_id, include_inactive=include_inactive)

    @post("/", response_model=ProductResponse, status_code=201, versioned=True)
    @requires_permission("products:write")
    async def create_product(self, body: ProductCreate) -> Any:
        return await self._service.create(body.model_dump())

    @put(
        "/{product_id:id}",
        response_model=ProductResponse,
        versioned=True,
        errors=[NotFoundError, PreconditionFailedError],
    )
    @requires_permission("products:write")
    async def update_product(self, product_id: int, body: ProductUpdate, expected: IfMatch) -> Any:
        """Change the fields that are sent, of an inactive product too; `null` clears the description."""
        return await self._service.update(product_id, body.model_dump(exclude_unset=True), expected)

    @patch(
        "/{product_id:id}/deactivate",
        response_model=ProductResponse,
        versioned=True,
        errors=[NotFoundError, PreconditionFailedError],
    )
    @requires_permission("products:write")
    async def deactivate_product(self, product_id: int, expected: IfMatch) -> Any:
        """Take a product out of the catalogue without losing it; once more changes nothing."""
        return await self._service.deactivate(product_id, expected)

    @delete("/{product_id:id}", status_code=204, errors=[NotFoundError, PreconditionFailedError])
    @requires_permission("products:delete")
    async def delete_product(self, product_id: int, expected: IfMatch) -> None:
        await self._service.delete(product_id, expected)
