"""The schemas of products: for HTTP (``ProductCreate`` …) and for the services (``ProductData``, ``ProductChanges``).

The two have the same fields today, but they change for different reasons: one is what clients see, the other is what
the domain demands. The types of the single fields are rules of both and are defined once.
"""

import math
import re
from dataclasses import asdict
from datetime import datetime
from decimal import Decimal
from typing import Annotated, Any, Literal, Self

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
from stdnum import ean

from ..platform.database.columns import recorded_fields
from ..platform.events.event import RecordedEvent
from ..platform.examples import example
from ..platform.lists import MAX_INTEGER
from ..platform.moments import Moment
from ..platform.partial import AT_LEAST_ONE, PartialUpdate
from ..platform.text import is_storable, visible_line, visible_name, without_nul
from .examples import CHANGE, NEW_PRODUCT, PRODUCT
from .models import MAX_SKU, MAX_TAG, Product

MAX_PRICE = Decimal("9999999999.99")
CENT = Decimal("0.01")
DIGITS = re.compile(r"[0-9]{1,10}(\.[0-9]{1,2})?")

TAG = f"[a-z0-9-]{{1,{MAX_TAG}}}"
MAX_TAGS = 20
MAX_ATTRIBUTES = 50
MAX_ATTRIBUTE_TEXT = 500
ATTRIBUTE_TYPES = [{"type": "string", "maxLength": MAX_ATTRIBUTE_TEXT}, {"type": "number"}, {"type": "boolean"}]
MAX_EXACT = 2**53 - 1
"""The largest integer that every reader of JSON keeps (RFC 8259 §6)."""


def parse_number(value: Any) -> Any:
    """Return a number; a float becomes the decimal number that its text shows. Refuse booleans and strings."""
    if isinstance(value, bool) or not isinstance(value, int | float | Decimal):
        raise PydanticCustomError("number_type", "Input should be a number")
    return Decimal(repr(value)) if isinstance(value, float) else value


def parse_amount(value: Any) -> Any:
    """Return a number, also from the text of a query. Refuse ``1_0``, ``1e1`` and blanks, which pydantic accepts."""
    if not isinstance(value, str):
        return parse_number(value)
    if not DIGITS.fullmatch(value):
        raise PydanticCustomError("amount", "Input should be an amount with at most two decimals, such as 9.50")
    return Decimal(value)


def round_to_cents(value: Decimal) -> Decimal:
    return value.quantize(CENT)


def check_gtin(value: str) -> str:
    """Refuse a number whose check digit is wrong. For pydantic."""
    if not ean.is_valid(value):
        raise PydanticCustomError("gtin_check_digit", "The check digit should be right")
    return value


def unique_sorted(values: list[str]) -> list[str]:
    return sorted(set(values))


def check_attribute(value: Any) -> Any:
    """Refuse what is no value of an attribute. For pydantic. One message is clearer than one for each type."""
    if isinstance(value, bool):
        return value
    if isinstance(value, int | float):
        if not (-MAX_EXACT <= value <= MAX_EXACT if isinstance(value, int) else math.isfinite(value)):
            limits = {"limit": MAX_EXACT}
            message = "A number should be finite, and an integer between -{limit} and {limit}"
            raise PydanticCustomError("attribute_number", message, limits)
        return value
    if not isinstance(value, str):
        raise PydanticCustomError("attribute_type", "Input should be a string, a number or a boolean")
    if len(value) > MAX_ATTRIBUTE_TEXT:
        raise PydanticCustomError(
            "string_too_long", "String should have at most {limit} characters", {"limit": MAX_ATTRIBUTE_TEXT}
        )
    if not is_storable(without_nul(value)):
        raise PydanticCustomError("string_unicode", "Input should be a valid string")
    return value


def check_attribute_or_null(value: Any) -> Any:
    return None if value is None else check_attribute(value)


def split_tags(value: Any) -> Any:
    """Return the tags in the text of a query, such as ``sale,summer``."""
    return tuple(value.split(",")) if isinstance(value, str) else value


Name = Annotated[
    str,
    StringConstraints(strip_whitespace=True, min_length=2, max_length=100),
    AfterValidator(without_nul),
    AfterValidator(visible_name),
    Field(description="One line with at least two visible characters."),
]
Description = Annotated[str, StringConstraints(max_length=500), AfterValidator(without_nul)]
Price = Annotated[
    Decimal,
    BeforeValidator(parse_number),
    Field(gt=0, max_digits=12, decimal_places=2, allow_inf_nan=False, strict=False),
    AfterValidator(round_to_cents),
    WithJsonSchema(
        {
            "type": "number",
            "exclusiveMinimum": 0,
            "maximum": float(MAX_PRICE),
            "description": "At most two decimals.",
            "examples": [19.99],
        }
    ),
]
Stock = Annotated[int, Field(ge=0, le=MAX_INTEGER)]
Sku = Annotated[
    str,
    StringConstraints(strip_whitespace=True, min_length=1, max_length=MAX_SKU),
    AfterValidator(visible_line),
    Field(description="The seller's own number, unique among all products. Case and accents make no difference."),
]
Gtin = Annotated[
    str,
    Field(
        pattern="^([0-9]{8}|[0-9]{12,14})$",
        description="A GTIN of 8, 12, 13 or 14 digits (EAN, UPC) with its check digit.",
        examples=["4006381333931"],
    ),
    AfterValidator(check_gtin),
]
Tag = Annotated[str, Field(pattern=f"^{TAG}$")]
Tags = Annotated[
    list[Tag], Field(max_length=MAX_TAGS, description="Answered sorted, each once."), AfterValidator(unique_sorted)
]
AttributeName = Annotated[str, Field(pattern="^[a-z][a-z0-9_]{0,39}$")]
AttributeValue = Annotated[Any, AfterValidator(check_attribute), WithJsonSchema({"anyOf": ATTRIBUTE_TYPES})]
Attributes = Annotated[
    dict[AttributeName, AttributeValue],
    Field(max_length=MAX_ATTRIBUTES, description="Further properties. Each value is a string, a number or a boolean."),
]
AttributeChanges = Annotated[
    dict[
        AttributeName,
        Annotated[
            Any,
            AfterValidator(check_attribute_or_null),
            WithJsonSchema({"anyOf": [*ATTRIBUTE_TYPES, {"type": "null"}]}),
        ],
    ],
    Field(description="`null` removes an attribute. The product then has at most 50."),
]
NamePart = Annotated[str, StringConstraints(min_length=1, max_length=100), AfterValidator(without_nul)]
TagFilter = Annotated[
    tuple[Tag, ...],
    Field(max_length=MAX_TAGS),
    BeforeValidator(split_tags),
    WithJsonSchema({"type": "string", "pattern": f"^{TAG}(,{TAG}){{0,{MAX_TAGS - 1}}}$", "examples": ["sale,summer"]}),
]
Amount = Annotated[
    Decimal,
    BeforeValidator(parse_amount),
    Field(ge=0, max_digits=12, decimal_places=2, allow_inf_nan=False),
    WithJsonSchema({"type": "number", "minimum": 0, "maximum": float(MAX_PRICE)}),
]


SEARCH = (
    "Words that the name must have, in any order, each of them whole or in part. Case, accents, kinds of dashes and"
    " quotes, and invisible characters make no difference."
)


class ProductCreate(BaseModel):
    model_config = ConfigDict(strict=True, extra="forbid", json_schema_extra=example(NEW_PRODUCT))

    name: Name
    description: Description | None = None
    price: Price
    stock: Stock = 0
    sku: Sku | None = None
    gtin: Gtin | None = None
    tags: Tags = Field(default_factory=list)
    attributes: Attributes = Field(default_factory=dict)


class ProductUpdate(PartialUpdate):
    """Fields that are not sent stay as they are. ``null`` clears the description, the SKU and the GTIN."""

    model_config = ConfigDict(
        json_schema_extra=AT_LEAST_ONE | example({"stock": 12, "description": "Beech, 110 x 60 cm"})
    )

    name: Name | MISSING = MISSING
    description: Description | MISSING | None = MISSING
    price: Price | MISSING = MISSING
    stock: Stock | MISSING = MISSING
    active: bool | MISSING = MISSING
    sku: Sku | MISSING | None = MISSING
    gtin: Gtin | MISSING | None = MISSING
    tags: Tags | MISSING = MISSING
    attributes: Attributes | MISSING = MISSING


def currency_of_catalogue(_: str, info: ValidationInfo) -> str:
    """Return the currency of all prices, which the controller gives as context."""
    return str(info.context)


ShownValue = Annotated[Any, WithJsonSchema({"anyOf": ATTRIBUTE_TYPES})]


class ProductResponse(BaseModel):
    model_config = ConfigDict(
        from_attributes=True, json_schema_serialization_defaults_required=True, json_schema_extra=example(PRODUCT)
    )

    id: int
    name: str
    description: str | None
    price: Annotated[Decimal, PlainSerializer(float, return_type=float, when_used="json")]
    currency: Annotated[str, BeforeValidator(currency_of_catalogue)] = Field(
        default_factory=str, validate_default=True, description="The currency of all prices (ISO 4217)."
    )
    stock: int
    active: bool
    sku: str | None
    gtin: str | None
    tags: list[str]
    attributes: dict[str, ShownValue]
    version: int = Field(description="The number in the `ETag`.")
    created_at: datetime
    updated_at: datetime


class ProductFilter(BaseModel):
    """Select the products that pass every filter that is set."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    search: NamePart | MISSING = Field(default=MISSING, description=SEARCH)
    min_price: Amount | MISSING = Field(default=MISSING, description="The lowest price, inclusive.")
    max_price: Amount | MISSING = Field(
        default=MISSING, description="The highest price, inclusive. Not below `min_price`."
    )
    in_stock: bool | MISSING = Field(
        default=MISSING, description="`true`: only products in stock. `false`: only products that are sold out."
    )
    sku: Sku | MISSING = Field(default=MISSING, description="The SKU. Case and accents make no difference.")
    gtin: Gtin | MISSING = Field(default=MISSING, description="The GTIN. Leading zeros make no difference.")
    tags: TagFilter | MISSING = Field(
        default=MISSING, description="Tags that the product must have, all of them, separated by commas."
    )
    updated_since: Moment | MISSING = Field(
        default=MISSING,
        description="The earliest last update, inclusive. Write the `+` of an offset as `%2B`. A change can become"
        " visible some seconds after its `updated_at`, and later than others with a newer one. To poll for changes,"
        " ask from one minute before the newest `updated_at` that you have seen, and ignore what you have seen.",
    )
    include_inactive: bool = False

    @field_validator("max_price")
    @classmethod
    def check_price_range(cls, price: Decimal, info: ValidationInfo) -> Decimal:
        least = info.data.get("min_price", MISSING)  # absent if min_price is not valid
        if least is not MISSING and price < least:
            raise PydanticCustomError("price_range", "Input should not be below min_price")
        return price


Facet = Literal["tags"]
"""A field whose values a list can count."""


class ProductFields(RootModel[dict[str, Any]]):
    """Some fields of a product, with the values before or after a change."""

    @classmethod
    def __get_pydantic_json_schema__(cls, core: CoreSchema, handler: GetJsonSchemaHandler) -> dict[str, Any]:
        """Describe the recorded fields in the same way as ``ProductResponse``."""
        shown = ProductResponse.model_json_schema(mode="serialization")["properties"]
        schema = {key: value for key, value in handler(core).items() if key != "additionalProperties"}
        return schema | {"properties": {name: shown[name] for name in recorded_fields(Product)}}


class ProductChangeResponse(BaseModel):
    """One change of a product: who made it, and when. ``before`` and ``after`` hold the fields that changed."""

    model_config = ConfigDict(json_schema_extra=example(CHANGE))

    id: int
    type: str
    version: int
    actor: str
    request_id: str | None
    occurred_at: datetime
    before: ProductFields
    after: ProductFields
    delta: int | MISSING = Field(default=MISSING, description="For an adjustment of the stock: what was added to it.")
    reason: str | MISSING = Field(default=MISSING, description="For an adjustment of the stock.")
    reference: str | MISSING | None = Field(default=MISSING, description="For an adjustment of the stock.")

    @model_validator(mode="before")
    @classmethod
    def from_event(cls, event: RecordedEvent) -> dict[str, Any]:
        return {**asdict(event), **event.payload}


class ProductData(BaseModel):
    """A new product, from HTTP, a script, a task or a test."""

    model_config = ConfigDict(strict=True, extra="forbid", revalidate_instances="always")

    name: Name
    description: Description | None = None
    price: Price
    stock: Stock = 0
    sku: Sku | None = None
    gtin: Gtin | None = None
    tags: Tags = Field(default_factory=list)
    attributes: Attributes = Field(default_factory=dict)


class ProductChanges(PartialUpdate):
    """The fields that an update sets. The others stay as they are."""

    name: Name | MISSING = MISSING
    description: Description | MISSING | None = MISSING
    price: Price | MISSING = MISSING
    stock: Stock | MISSING = MISSING
    active: bool | MISSING = MISSING
    sku: Sku | MISSING | None = MISSING
    gtin: Gtin | MISSING | None = MISSING
    tags: Tags | MISSING = MISSING
    attributes: Attributes | MISSING = MISSING


class ProductPatch(ProductChanges):
    """A merge patch (RFC 7396). Members that are not sent stay as they are, also those of the attributes.

    ``null`` removes an attribute, the description, the SKU or the GTIN. An empty patch changes nothing.
    """

    model_config = ConfigDict(
        json_schema_extra={"minProperties": 0}
        | example({"price": 179.9, "gtin": None, "attributes": {"color": "oak", "foldable": None}})
    )

    attributes: AttributeChanges | MISSING = MISSING

    @model_validator(mode="after")
    def require_a_field(self) -> Self:
        """Accept an empty patch, unlike other partial updates."""
        return self
