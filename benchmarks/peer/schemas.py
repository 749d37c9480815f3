"""The schemas of requests and answers: strict input, prices exact to the cent."""

from datetime import datetime
from decimal import Decimal
from typing import Annotated, Any

from pydantic import (
    AfterValidator,
    AwareDatetime,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    PlainSerializer,
    StrictInt,
    StringConstraints,
)

LARGEST_INTEGER = 2**31 - 1


def json_number(value: Any) -> Any:
    if isinstance(value, bool) or not isinstance(value, int | float | Decimal):
        raise ValueError("must be a number")
    return value


def without_nul(value: str) -> str:
    if "\x00" in value:
        raise ValueError("must not contain NUL")
    return value


Name = Annotated[
    str,
    StringConstraints(strict=True, strip_whitespace=True, min_length=2, max_length=100),
    AfterValidator(without_nul),
]
Description = Annotated[str, StringConstraints(strict=True, max_length=500), AfterValidator(without_nul)]
Price = Annotated[Decimal, BeforeValidator(json_number), Field(gt=0, max_digits=12, decimal_places=2)]
JsonPrice = Annotated[Decimal, PlainSerializer(float, return_type=float, when_used="json")]


class ProductCreate(BaseModel):
    model_config = ConfigDict(extra="forbid")

    name: Name
    description: Description | None = None
    price: Price
    stock: StrictInt = Field(default=0, ge=0, le=LARGEST_INTEGER)


class ProductResponse(BaseModel):
    model_config = ConfigDict(from_attributes=True)

    id: int
    name: str
    description: str | None
    price: JsonPrice
    currency: str = "EUR"
    stock: int
    active: bool
    sku: str | None
    gtin: str | None
    tags: list[str]
    attributes: dict[str, str | int | float | bool]
    version: int
    created_at: datetime
    updated_at: datetime


class ProductListResponse(BaseModel):
    items: list[ProductResponse]
    total: int
    page: int
    page_size: int
    pages: int


class GetQuery(BaseModel):
    model_config = ConfigDict(extra="forbid")

    include_inactive: bool = False


class PageQuery(GetQuery):
    page: int = Field(default=1, ge=1, le=1_000_000)
    page_size: int = Field(default=10, ge=1, le=100)
    search: Annotated[str, Field(min_length=1, max_length=100), AfterValidator(without_nul)] | None = None
    min_price: Annotated[Decimal, Field(ge=0, max_digits=12, decimal_places=2)] | None = None
    max_price: Annotated[Decimal, Field(ge=0, max_digits=12, decimal_places=2)] | None = None
    in_stock: bool | None = None
    updated_since: AwareDatetime | None = None


class SearchQuery(BaseModel):
    model_config = ConfigDict(extra="forbid")

    q: Annotated[str, Field(min_length=1), AfterValidator(without_nul)]
    limit: int = Field(default=100, ge=1, le=100)
