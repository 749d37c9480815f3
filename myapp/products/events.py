"""The events of products."""

from dataclasses import dataclass
from typing import ClassVar

from ..platform.database.columns import money_fields
from ..platform.events.event import DomainEvent
from ..platform.events.fields import Fields, Values, changed_fields, fields_of
from .models import Product


@dataclass(frozen=True, kw_only=True)
class ProductEvent(DomainEvent):
    aggregate: ClassVar[str] = "product"


@dataclass(frozen=True, kw_only=True)
class ProductChange(ProductEvent):
    """``before`` and ``after`` hold the fields that changed.

    ``before`` is empty for a created product, ``after`` for a deleted one.
    """

    before: Fields
    after: Fields


@dataclass(frozen=True, kw_only=True)
class ProductCreated(ProductChange):
    type: ClassVar[str] = "product.created"


@dataclass(frozen=True, kw_only=True)
class ProductUpdated(ProductChange):
    """Any field has changed except ``active``."""

    type: ClassVar[str] = "product.updated"


@dataclass(frozen=True, kw_only=True)
class ProductStockAdjusted(ProductChange):
    """``delta`` was added to the stock."""

    type: ClassVar[str] = "product.stock_adjusted"

    delta: int
    reason: str
    reference: str | None


@dataclass(frozen=True, kw_only=True)
class ProductActivated(ProductChange):
    type: ClassVar[str] = "product.activated"


@dataclass(frozen=True, kw_only=True)
class ProductDeactivated(ProductChange):
    type: ClassVar[str] = "product.deactivated"


@dataclass(frozen=True, kw_only=True)
class ProductDeleted(ProductChange):
    """``version`` is the last version of the product plus one."""

    type: ClassVar[str] = "product.deleted"


@dataclass(frozen=True, kw_only=True)
class ProductStockLow(ProductEvent):
    """The stock was above ``threshold`` and is now equal to it or below."""

    type: ClassVar[str] = "product.stock_low"

    name: str
    stock: int
    threshold: int


CHANGES = (
    ProductCreated,
    ProductUpdated,
    ProductStockAdjusted,
    ProductActivated,
    ProductDeactivated,
    ProductDeleted,
)
"""The events that make up the history of a product."""

MONEY_FIELDS = money_fields(Product)
"""The fields that are amounts of money, in the currency of the catalogue."""


def created_event(product: Values) -> ProductCreated:
    return ProductCreated(version=product["version"], before={}, after=fields_of(Product, product))


def deleted_event(product: Values) -> ProductDeleted:
    return ProductDeleted(version=product["version"] + 1, before=fields_of(Product, product), after={})


def change_events(product: Values, changes: Values, low_stock: int) -> list[ProductEvent]:
    """Return the events for an update of ``product`` that sets ``changes``."""
    after = {**product, **changes}
    version: int = after["version"]
    old, new = changed_fields(fields_of(Product, product), fields_of(Product, after))
    was, now = old.pop("active", None), new.pop("active", None)
    events: list[ProductEvent] = []
    if old:
        events.append(ProductUpdated(version=version, before=old, after=new))
    if was != now:
        flip = ProductActivated if now else ProductDeactivated
        events.append(flip(version=version, before={"active": was}, after={"active": now}))
    return events + low_stock_events(product, after, low_stock)


def adjusted_events(
    product: Values, changes: Values, reason: str, reference: str | None, low_stock: int
) -> list[ProductEvent]:
    """Return the events for an adjustment of ``product`` that sets ``changes``."""
    after = {**product, **changes}
    adjusted = ProductStockAdjusted(
        version=after["version"],
        before={"stock": product["stock"]},
        after={"stock": after["stock"]},
        delta=after["stock"] - product["stock"],
        reason=reason,
        reference=reference,
    )
    return [adjusted, *low_stock_events(product, after, low_stock)]


def low_stock_events(product: Values, after: Values, low_stock: int) -> list[ProductEvent]:
    """Return the event for a stock that falls to ``low_stock`` or below, if it does."""
    name, stock = after["name"], after["stock"]
    if not product["stock"] > low_stock >= stock:
        return []
    return [ProductStockLow(version=after["version"], name=name, stock=stock, threshold=low_stock)]
