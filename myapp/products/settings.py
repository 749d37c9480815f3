"""The sections ``products`` and ``catalogue``."""

from dataclasses import dataclass
from typing import Annotated

from pico_ioc import configured
from pydantic import AfterValidator, Field
from pydantic_core import PydanticCustomError


@configured(target="self", prefix="products", mapping="tree")
@dataclass
class ProductsSettings:
    list_batch_size: Annotated[int, Field(ge=1, le=100_000)] = 1000
    low_stock_threshold: Annotated[int, Field(ge=0)] = 5


def known_currency(code: str) -> str:
    """Refuse a code that ISO 4217 does not list. For pydantic."""
    import iso4217

    try:
        iso4217.Currency(code)
    except ValueError as error:
        raise PydanticCustomError("currency", "Input should be a currency of ISO 4217, such as EUR") from error
    return code


@configured(target="self", prefix="catalogue", mapping="tree")
@dataclass
class CatalogueSettings:
    currency: Annotated[str, AfterValidator(known_currency)] = "EUR"
