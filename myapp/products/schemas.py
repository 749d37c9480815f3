"""What a product looks like: over HTTP (``ProductCreate`` …) and to the services (``ProductData``, ``ProductChanges``).

The two are equal today by coincidence: a client's view of a product and the rules of the domain change for different
reasons. What is one rule in both, the values of a single field, is said once.
"""

from datetime import datetime
from decimal import Decimal
from typing import Annotated, Any, Self, TypeVar

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    ModelWrapValidatorHandler,
    PlainSerializer,
    StringConstraints,
    WithJsonSchema,
    model_validator,
)
from pydantic_core import PydanticCustomError

from ..text import without_nul
from .models import MAX_INTEGER

MAX_PRICE = Decimal("9999999999.99")
CENT = Decimal("0.01")
UNSET: Any = None
"""The default of a field that may be left out but not be null; whether it was sent, ``model_fields_set`` tells."""

ModelT = TypeVar("ModelT", bound=BaseModel)


def number(value: Any) -> Any:
    """A float means the decimal number that it is written as; a boolean or a string is no number."""
    if isinstance(value, bool) or not isinstance(value, int | float | Decimal):
        raise PydanticCustomError("number_type", "Input should be a number")
    return Decimal(repr(value)) if isinstance(value, float) else value


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


class ProductCreate(BaseModel):
    model_config = ConfigDict(strict=True, extra="forbid")

    name: Name
    description: Description | None = None
    price: Price
    stock: Stock = 0


class ProductUpdate(BaseModel):
    """What is sent changes, what is not sent stays; ``null`` clears the description."""

    model_config = ConfigDict(strict=True, extra="forbid", json_schema_extra={"minProperties": 1})

    name: Name = Field(default=UNSET)
    description: Description | None = None
    price: Price = Field(default=UNSET)
    stock: Stock = Field(default=UNSET)
    active: bool = Field(default=UNSET)

    @model_validator(mode="after")
    def at_least_one_field(self) -> Self:
        return require_field(self)


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


class ProductData(BaseModel):
    """A new product, whoever makes it: HTTP, a script, a task or a test."""

    model_config = ConfigDict(strict=True, extra="forbid", revalidate_instances="always")

    name: Name
    description: Description | None = None
    price: Price
    stock: Stock = 0


class ProductChanges(BaseModel):
    """The fields of a product that an update sets; those not set stay as they are."""

    model_config = ConfigDict(strict=True, extra="forbid")

    name: Name = Field(default=UNSET)
    description: Description | None = None
    price: Price = Field(default=UNSET)
    stock: Stock = Field(default=UNSET)
    active: bool = Field(default=UNSET)

    @model_validator(mode="wrap")
    @classmethod
    def check_instances_anew(cls, data: Any, check: ModelWrapValidatorHandler[Self]) -> Self:
        """By what was set in them: ``revalidate_instances`` would take the defaults for values."""
        return check({name: getattr(data, name) for name in data.model_fields_set} if isinstance(data, cls) else data)

    @model_validator(mode="after")
    def at_least_one_field(self) -> Self:
        return require_field(self)


def require_field(model: ModelT) -> ModelT:
    if not model.model_fields_set:
        raise PydanticCustomError("no_field", "At least one field must be given")
    return model
