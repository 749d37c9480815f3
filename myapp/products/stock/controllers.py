"""The HTTP API of stock adjustments."""

from typing import Any

from pico_fastapi import controller

from ...platform.auth.authorities import requires_permission
from ...platform.errors import BatchRejectedError, InsufficientStockError, StaleStockError
from ...platform.web.routing import post
from .schemas import StockAdjustment, StockAdjustmentResponse
from .services import StockService


@controller(prefix="/api/v1/stock-adjustments", tags=["Products"], scope="singleton")
class StockController:
    def __init__(self, service: StockService) -> None:
        self._service = service

    @post(
        "/",
        response_model=StockAdjustmentResponse,
        errors=[BatchRejectedError, StaleStockError, InsufficientStockError],
        idempotency="required",
    )
    @requires_permission("stock:adjust")
    async def adjust_stocks(self, body: StockAdjustment) -> Any:
        """Add to the stocks of up to 100 products, or take from them: all lines or none.

        No stock falls below 0, however many callers take from it at the same time. Lines of one product are summed.
        Works for inactive products too.
        """
        return {"lines": await self._service.adjust(body)}
