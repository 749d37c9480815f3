"""Every field of the model appears in schemas, events, history and lists."""

from typing import Any

import pytest
from pico_ioc import PicoContainer
from pydantic import BaseModel

from myapp.platform.database.columns import recorded_fields, sortable_fields
from myapp.platform.events.history import EventHistory
from myapp.platform.lists import page_request
from myapp.products.events import ProductActivated, ProductDeactivated, ProductUpdated
from myapp.products.models import Product
from myapp.products.schemas import (
    ProductChanges,
    ProductCreate,
    ProductData,
    ProductFields,
    ProductFilter,
    ProductResponse,
    ProductUpdate,
)
from myapp.products.services import ProductService

LAMP: dict[str, Any] = {"name": "Lamp", "description": "Bright", "price": 9.5, "stock": 3}
CHANGES: dict[str, Any] = {
    "name": "Table lamp",
    "description": None,
    "price": 8,
    "stock": 4,
    "active": False,
    "sku": "LMP-1",
    "gtin": "4006381333931",
    "tags": ["sale"],
    "attributes": {"color": "red"},
}
"""For each field that an update may set, a value that differs from LAMP."""

FILTERS: dict[str, Any] = {
    "search": "table",
    "min_price": 9.51,
    "max_price": 9.49,
    "in_stock": False,
    "sku": "LMP-2",
    "gtin": "4006381333931",
    "tags": "sale",
    "updated_since": "2999-01-01T00:00:00Z",
    "include_inactive": True,
}
"""For each filter, a value that changes the result."""

Writes = pytest.mark.parametrize("schema", [ProductCreate, ProductData, ProductUpdate, ProductChanges])


@Writes
def test_what_can_be_written_is_recorded(schema: type[BaseModel]) -> None:
    assert set(schema.model_fields) <= set(recorded_fields(Product))


@Writes
def test_what_can_be_written_over_http_can_be_written_by_a_service(schema: type[BaseModel]) -> None:
    twin = {ProductCreate: ProductData, ProductUpdate: ProductChanges}.get(schema, schema)
    assert schema.model_fields.keys() == twin.model_fields.keys()


def test_what_is_recorded_is_shown_and_described() -> None:
    assert set(recorded_fields(Product)) <= set(ProductResponse.model_fields)
    assert list(ProductFields.model_json_schema()["properties"]) == list(recorded_fields(Product))


def test_every_sort_has_an_index() -> None:
    leading = {next(iter(index.columns)).name for index in Product.__table__.indexes}
    columns = {Product.__table__.columns[name].info["sorted_by"] or name for name in sortable_fields(Product)}
    assert columns <= leading | {"id"}


@pytest.mark.parametrize("field", ProductChanges.model_fields)
async def test_every_change_is_recorded(service: ProductService, container: PicoContainer, field: str) -> None:
    assert field in CHANGES, f"add a value for the field {field} to CHANGES above"
    product = await service.create(LAMP)
    before = getattr(product, field)
    changed = await service.update(product.id, {field: CHANGES[field]})
    types = [ProductUpdated.type, ProductActivated.type, ProductDeactivated.type]
    history = await container.get(EventHistory).find_of_aggregate(
        "product", str(product.id), types, page_request(1, 10)
    )
    (event,) = history.content
    assert event.version == changed.version == 2
    assert event.payload == {"before": {field: before}, "after": {field: CHANGES[field]}}


@pytest.mark.parametrize("name", ProductFilter.model_fields)
async def test_every_filter_counts(service: ProductService, name: str) -> None:
    assert name in FILTERS, f"add a value for the filter {name} to FILTERS above"
    await service.create(LAMP)
    retired = await service.create({"name": "Chair", "price": 9.5, "stock": 3})
    await service.deactivate(retired.id)
    found = await service.list_paged(1, 10, ProductFilter(**{name: FILTERS[name]}))
    assert found.total_elements == (2 if name == "include_inactive" else 0)
