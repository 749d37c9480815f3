"""What a product looks like: over HTTP (``ProductCreate`` …) and to the services (``ProductData``, ``ProductChanges``).

The two are equal today by coincidence: a client's view of a product and the rules of the domain change for different
reasons. What is one rule in both, the values of a single field, is said once.
"""

import re
from dataclasses import asdict
from datetime import datetime
from decimal import Decimal
from typing import Annotated, Any

from pydantic import (
    MISSING,
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    GetJsonSchemaHandler,
    PlainSerializer,
    RootModel,
    StringConstraints,
    ValidationInfo,
    WithJsonSchema,
    field_validator,
    model_validator,
)
from pydantic_core import CoreSchema, PydanticCustomError

from ..platform.database.columns import recorded_fields
from ..platform.events.event import RecordedEvent
from ..platform.moments import Moment
from ..platform.partial import PartialUpdate
from ..platform.text import without_nul
from .models import MAX_INTEGER, Product

MAX_PRICE = Decimal("9999999999.99")
CENT = Decimal("0.01")
DIGITS = re.compile(r"[0-9]{1,10}(\.[0-9]{1,2})?")


def number(value: Any) -> Any:
    """A float means the decimal number that it is written as; a boolean or a string is no number."""
    if isinstance(value, bool) or not isinstance(value, int | float | Decimal):
        raise PydanticCustomError("number_type", "Input should be a number")
    return Decimal(repr(value)) if isinstance(value, float) else value


def amount(value: Any) -> Any:
    """A number, or one that is written out, as in a query; pydantic would take ``1_0``, ``1e1`` and blanks too."""
    if not isinstance(value, str):
        return number(value)
    if not DIGITS.fullmatch(value):
        raise PydanticCustomError("amount", "Input should be an amount with two decimals at most, such as 9.50")
    return Decimal(value)


def to_cent(value: Decimal) -> Decimal:
    return value.quantize(CENT)


Name = Annotated[
    str, StringConstraints(strip_whitespace=True, min_length=2, max_length=100), AfterValidator(without_nul)
]
Description = Annotated[str, StringConstraints(max_length=500), AfterValidator(without_nul)]
Price = Annotated[
    Decimal,
    BeforeValidator(number),
    Field(gt=0, max_digits=12, decimal_places=2, allow_inf_nan=False, strict=False),
    AfterValidator(to_cent),
    WithJsonSchema(
        {
            "type": "number",
            "exclusiveMinimum": 0,
            "maximum": float(MAX_PRICE),
            "description": "With two decimals at most.",
            "examples": [19.99],
        }
    ),
]
Stock = Annotated[int, Field(ge=0, le=MAX_INTEGER)]
NamePart = Annotated[str, StringConstraints(min_length=1, max_length=100), AfterValidator(without_nul)]
Amount = Annotated[
    Decimal,
    BeforeValidator(amount),
    Field(ge=0, max_digits=12, decimal_places=2, allow_inf_nan=False),
    WithJsonSchema({"type": "number", "minimum": 0, "maximum": float(MAX_PRICE)}),
]


class ProductCreate(BaseModel):
    model_config = ConfigDict(strict=True, extra="forbid")

    name: Name
    description: Description | None = None
    price: Price
    stock: Stock = 0


class ProductUpdate(PartialUpdate):
    """What is sent changes, what is not sent stays; ``null`` clears the description."""

    name: Name | MISSING = MISSING
    description: Description | MISSING | None = MISSING
    price: Price | MISSING = MISSING
    stock: Stock | MISSING = MISSING
    active: bool | MISSING = MISSING


class ProductResponse(BaseModel):
    model_config = ConfigDict(from_attributes=True)

    id: int
    name: str
    description: str | None
    price: Annotated[Decimal, PlainSerializer(float, return_type=float, when_used="json")]
    stock: int
    active: bool
    created_at: datetime
    updated_at: datetime


class ProductFilter(BaseModel):
    """Select the products that pass every filter that is set."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    search: NamePart | MISSING = Field(default=MISSING, description="Part of a name; case does not count.")
    min_price: Amount | MISSING = Field(default=MISSING, description="Inclusive.")
    max_price: Amount | MISSING = Field(default=MISSING, description="Inclusive, and not below `min_price`.")
    in_stock: bool | MISSING = Field(default=MISSING, description="Only those with stock, or only those without.")
    updated_since: Moment | MISSING = Field(
        default=MISSING, description="Inclusive; a `+` of the offset is written `%2B`."
    )
    include_inactive: bool = False

    @field_validator("max_price")
    @classmethod
    def is_not_below_min_price(cls, price: Decimal, info: ValidationInfo) -> Decimal:
        least = info.data.get("min_price", MISSING)  # absent where it is not valid
        if least is not MISSING and price < least:
            raise PydanticCustomError("price_range", "Input should not be below min_price")
        return price


class ProductFields(RootModel[dict[str, Any]]):
    """Some fields of a product, as they were or became."""

    @classmethod
    def __get_pydantic_json_schema__(cls, core: CoreSchema, handler: GetJsonSchemaHandler) -> dict[str, Any]:
        """Describe the recorded fields as the answer of a product describes them."""
        shown = ProductResponse.model_json_schema(mode="serialization")["properties"]
        schema = {key: value for key, value in handler(core).items() if key != "additionalProperties"}
        return schema | {"properties": {name: shown[name] for name in recorded_fields(Product)}}


class ProductChangeResponse(BaseModel):
    """Who changed a product, when, and from what to what: ``before`` and ``after`` hold the fields that changed."""

    id: int
    type: str
    version: int
    actor: str
    request_id: str | None
    occurred_at: datetime
    before: ProductFields
    after: ProductFields

    @model_validator(mode="before")
    @classmethod
    def of_event(cls, event: RecordedEvent) -> dict[str, Any]:
        return {**asdict(event), **event.payload}


class ProductData(BaseModel):
    """A new product, whoever makes it: HTTP, a script, a task or a test."""

    model_config = ConfigDict(strict=True, extra="forbid", revalidate_instances="always")

    name: Name
    description: Description | None = None
    price: Price
    stock: Stock = 0


class ProductChanges(PartialUpdate):
    """The fields of a product that an update sets; those not set stay as they are."""

    name: Name | MISSING = MISSING
    description: Description | MISSING | None = MISSING
    price: Price | MISSING = MISSING
    stock: Stock | MISSING = MISSING
    active: bool | MISSING = MISSING
