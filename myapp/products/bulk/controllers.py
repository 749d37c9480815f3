"""The HTTP API of batches."""

from typing import Annotated, Any

from fastapi import Depends, Request
from pico_client_auth import SecurityContext
from pico_fastapi import controller

from ...platform.auth.authorities import requires_permission
from ...platform.errors import BatchRejectedError, ConflictError
from ...platform.web.routing import post
from .results import BulkResponse, response_of
from .schemas import BulkOrder
from .services import ALL, BulkService


async def held_permissions(_: Request) -> frozenset[str]:
    """Return which of the permissions for products the caller has: all of them if authentication is off."""
    return ALL if SecurityContext.get() is None else frozenset(filter(SecurityContext.has_role, ALL))


HeldPermissions = Annotated[frozenset[str], Depends(held_permissions)]


@controller(prefix="/api/v1/products/bulk", tags=["Products"], scope="singleton")
class BulkController:
    def __init__(self, service: BulkService) -> None:
        self._service = service

    @post("", response_model=BulkResponse, status_code=207, large_body=True, errors=[BatchRejectedError, ConflictError])
    @requires_permission(*ALL)
    async def change_products(self, body: BulkOrder, permissions: HeldPermissions) -> Any:
        """Create, update and delete up to 1,000 products in one transaction.

        `products:write` is needed to create and update, `products:delete` to delete. With `on_error: "reject"`, nothing
        is changed if an item is refused. With `"skip"`, the other items are applied. Each item has its own result.
        """
        return response_of(await self._service.apply(body, permissions))
