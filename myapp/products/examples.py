"""The product of the examples in the OpenAPI document."""

from typing import Any

NEW_PRODUCT: dict[str, Any] = {
    "name": "Folding Desk",
    "description": None,
    "price": 189.9,
    "stock": 3,
    "sku": "DSK-110",
    "gtin": "4006381333931",
    "tags": ["new", "office"],
    "attributes": {"color": "beech", "width_cm": 110, "foldable": True},
}

PRODUCT: dict[str, Any] = {
    "id": 44,
    **NEW_PRODUCT,
    "currency": "EUR",
    "active": True,
    "version": 1,
    "created_at": "2026-11-26T05:48:43.078200Z",
    "updated_at": "2026-11-26T05:48:43.078200Z",
}

CHANGE: dict[str, Any] = {
    "id": 48,
    "type": "product.updated",
    "version": 2,
    "actor": "9d2b7f6e-1d43-4b7c-8a55-6b1c2d3e4f02",
    "request_id": "28d9d1bd996552a454561d9681d64dc0",
    "occurred_at": "2026-11-26T05:48:43.167448Z",
    "before": {"description": None, "stock": 3},
    "after": {"description": "Beech, 110 x 60 cm", "stock": 12},
}
