"""The schemas of batches. Each item is validated alone, so that a wrong one does not hide the others."""

from typing import Annotated, Any, Literal, Self, get_args

from pydantic import (
    MISSING,
    BaseModel,
    ConfigDict,
    Field,
    GetJsonSchemaHandler,
    GetPydanticSchema,
    StringConstraints,
    TypeAdapter,
    model_validator,
)
from pydantic_core import CoreSchema, PydanticCustomError, core_schema

from ...platform.examples import example
from ..schemas import ProductCreate, ProductPatch, Sku

MAX_ITEMS = 1000

OnError = Literal["reject", "skip"]
Operation = Literal["create", "update", "delete"]
IfMatch = Annotated[
    str,
    StringConstraints(min_length=1, max_length=1000),
    Field(description='As the header `If-Match`, such as `"3"` with its quotes.', examples=['"3"']),
]


class Item(BaseModel):
    model_config = ConfigDict(strict=True, extra="forbid")


class CreateItem(Item):
    """Create a product."""

    op: Literal["create"]
    product: ProductCreate


class ExistingItem(Item):
    """Names a product by its ``id`` or by its ``sku``."""

    id: int | MISSING = MISSING
    sku: Sku | MISSING = MISSING
    if_match: IfMatch | MISSING = MISSING

    @property
    def named_by(self) -> Literal["id", "sku"]:
        return "sku" if self.id is MISSING else "id"

    @model_validator(mode="after")
    def require_one_name(self) -> Self:
        if (self.id is MISSING) == (self.sku is MISSING):
            raise PydanticCustomError("id_or_sku", "Either id or sku must be given")
        return self


class UpdateItem(ExistingItem):
    """Change a product by a merge patch. ``sku`` is its SKU before the batch."""

    op: Literal["update"]
    changes: ProductPatch


class DeleteItem(ExistingItem):
    """Delete a product."""

    op: Literal["delete"]


class AnyItem(BaseModel):
    """What every item has: it says which kind of item this is."""

    op: Operation


KINDS: dict[str, type[CreateItem | UpdateItem | DeleteItem]] = {
    "create": CreateItem,
    "update": UpdateItem,
    "delete": DeleteItem,
}
assert KINDS.keys() == set(get_args(Operation))

CHECKED = TypeAdapter(Annotated[CreateItem | UpdateItem | DeleteItem, Field(discriminator="op")])


def describe_item(_: CoreSchema, handler: GetJsonSchemaHandler) -> dict[str, Any]:
    return handler(CHECKED.core_schema)


Unchecked = Annotated[Any, GetPydanticSchema(lambda *_: core_schema.any_schema(), describe_item)]


class BulkOrder(BaseModel):
    """``reject``: all items or none. ``skip``: the items that are right; each of the others gets its problem."""

    model_config = ConfigDict(
        strict=True,
        extra="forbid",
        json_schema_extra=example(
            {
                "on_error": "skip",
                "items": [
                    {"op": "create", "product": {"name": "Desk lamp", "price": 39.9, "sku": "LMP-7"}},
                    {"op": "update", "sku": "LMP-6", "if_match": '"3"', "changes": {"stock": 4}},
                    {"op": "delete", "id": 12},
                ],
            }
        ),
    )

    on_error: OnError = "reject"
    items: Annotated[list[Unchecked], Field(min_length=1, max_length=MAX_ITEMS)]
