"""The section ``products``."""

from dataclasses import dataclass
from typing import Annotated

from pico_ioc import configured
from pydantic import Field


@configured(target="self", prefix="products", mapping="tree")
@dataclass
class ProductsSettings:
    list_batch_size: Annotated[int, Field(ge=1, le=100_000)] = 1000
    low_stock_threshold: Annotated[int, Field(ge=0)] = 5
