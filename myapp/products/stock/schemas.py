"""The schemas of stock adjustments, for HTTP, scripts and tests."""

from typing import Annotated, Literal, Self

from pydantic import MISSING, AfterValidator, BaseModel, ConfigDict, Field, StringConstraints, model_validator
from pydantic_core import PydanticCustomError

from ...platform.examples import example
from ...platform.lists import MAX_INTEGER
from ...platform.text import visible_line
from ..schemas import Sku, Stock

MAX_LINES = 100
MAX_NOTE = 100


def not_zero(value: int) -> int:
    """Refuse 0. For pydantic."""
    if not value:
        raise PydanticCustomError("zero", "Input should not be 0")
    return value


Delta = Annotated[
    int,
    Field(
        ge=-MAX_INTEGER,
        le=MAX_INTEGER,
        description="What is added to the stock; below 0, what is taken from it.",
        json_schema_extra={"not": {"const": 0}},
    ),
    AfterValidator(not_zero),
]
Note = Annotated[
    str,
    StringConstraints(strip_whitespace=True, min_length=1, max_length=MAX_NOTE),
    AfterValidator(visible_line),
]


class AdjustmentLine(BaseModel):
    """Names a product by its ``product_id`` or by its ``sku``."""

    model_config = ConfigDict(strict=True, extra="forbid")

    product_id: int | MISSING = MISSING
    sku: Sku | MISSING = MISSING
    delta: Delta
    expected: Stock | MISSING = Field(
        default=MISSING, description="The stock that the caller has seen. If it is another one, nothing is changed."
    )

    @property
    def named_by(self) -> Literal["product_id", "sku"]:
        return "sku" if self.product_id is MISSING else "product_id"

    @model_validator(mode="after")
    def require_one_name(self) -> Self:
        if (self.product_id is MISSING) == (self.sku is MISSING):
            raise PydanticCustomError("product_id_or_sku", "Either product_id or sku must be given")
        return self


class StockAdjustment(BaseModel):
    """All lines are applied, or none. The lines of one product are summed."""

    model_config = ConfigDict(
        strict=True,
        extra="forbid",
        json_schema_extra=example(
            {
                "lines": [
                    {"sku": "LMP-7", "delta": -2, "expected": 12},
                    {"product_id": 12, "delta": -1},
                ],
                "reason": "sold",
                "reference": "order 10042",
            }
        ),
    )

    lines: Annotated[list[AdjustmentLine], Field(min_length=1, max_length=MAX_LINES)]
    reason: Annotated[Note, Field(description="Why the stock changes, in one line.")]
    reference: (
        Annotated[Note, Field(description="What the change belongs to, such as the number of an order.")] | None
    ) = None


class AdjustedLineResponse(BaseModel):
    """The product of a line, with its stock before and after the adjustment."""

    model_config = ConfigDict(from_attributes=True)

    product_id: int = Field(examples=[45])
    sku: str | None = Field(examples=["LMP-7"])
    stock_before: int = Field(examples=[12])
    stock_after: int = Field(examples=[10])
    version: int = Field(description="The version of the product since then: the number in its `ETag`.", examples=[3])


class StockAdjustmentResponse(BaseModel):
    """One entry for each line, in the order of the lines. Lines of one product have the same entry."""

    model_config = ConfigDict(from_attributes=True)

    lines: list[AdjustedLineResponse]
