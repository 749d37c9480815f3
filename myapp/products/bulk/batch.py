"""A batch while it is decided: which items are refused, and what the others write. Nothing here reads or writes."""

from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any

from pico_pydantic import ValidationFailedError
from pydantic import MISSING, ValidationError

from ...platform.database.rows import changed_row, new_row, values_of
from ...platform.errors import (
    AlreadyExistsError,
    BatchRejectedError,
    ConflictError,
    ItemFault,
    MissingPermissionError,
    NotFoundError,
    PreconditionFailedError,
)
from ...platform.events.fields import Fields
from ...platform.fold import fold
from ...platform.versions import expected_in, require_version
from ..changes import changed_columns, merged
from ..events import ProductEvent, change_events, created_event, deleted_event
from ..models import Product, ProductRecord, folds_of
from ..repositories import BatchWrites, by_name, is_possible_id
from .schemas import KINDS, AnyItem, CreateItem, DeleteItem, UpdateItem

PERMISSIONS = {"create": "products:write", "update": "products:write", "delete": "products:delete"}
"""The permission that each operation needs."""

NAMED_TWICE = "An earlier item of the batch names the same product."


@dataclass(frozen=True, slots=True)
class Done:
    """What became of an item. A deleted product has no version."""

    operation: str
    id: int
    version: int | None = None


Outcome = Done | ItemFault


class Entry:
    """One item: refused with a ``fault``, or with what it writes.

    ``row`` is the product as it was, with all columns. ``values`` are the columns that the item sets.
    """

    def __init__(self, position: int, item: Any, permissions: Collection[str]) -> None:
        self.position = position
        self.fault: ItemFault | None = None
        self.row: ProductRecord | None = None
        self.values: Fields = {}
        try:
            self.operation: str = AnyItem.model_validate(item, from_attributes=True).op
            if PERMISSIONS[self.operation] not in permissions:
                self.refuse(MissingPermissionError(PERMISSIONS[self.operation]), "op")
                return
            self.item = KINDS[self.operation].model_validate(item)
        except ValidationError as error:
            self.refuse(ValidationFailedError("apply", error))

    def refuse(self, error: Exception, *place: str) -> None:
        self.fault = ItemFault(("items", self.position, *place), error)

    @property
    def given(self) -> str:
        """The member with the fields of the product."""
        return "product" if self.row is None else "changes"

    @property
    def wanted_sku(self) -> str | None:
        """The folded SKU that the product gets from this item and does not have already."""
        sku: str | None = self.values.get("sku_folded")
        return None if self.row is not None and sku == self.row.sku_folded else sku

    @property
    def gives_up_its_sku(self) -> bool:
        if self.row is None:
            return False
        return (
            isinstance(self.item, DeleteItem)
            or self.values.get("sku_folded", self.row.sku_folded) != self.row.sku_folded
        )

    def resolve(self, row: ProductRecord | None) -> None:
        """Decide what the item writes. ``row`` is the product that it names, None for a new one."""
        if isinstance(self.item, CreateItem):
            product = self.item.product
            self.values = new_row(Product, product.model_dump() | folds_of(product.name))
            return
        if row is None:
            self.refuse(NotFoundError("There is no such product."), self.item.named_by)
            return
        self.row = row
        try:
            if self.item.if_match is not MISSING:
                require_version("product", row.version, expected_in(self.item.if_match))
            if isinstance(self.item, UpdateItem):
                before = values_of(row)
                changes = changed_columns(before, merged(before, self.item.changes.model_dump()))
                self.values = changed_row(Product, row, changes) if changes else {}
        except PreconditionFailedError as error:
            self.refuse(error, "if_match")
        except ValidationFailedError as error:
            self.refuse(error, self.given)

    def outcome(self, new_ids: Iterator[int]) -> Outcome:
        if self.fault is not None:
            return self.fault
        if self.row is None:
            return Done(self.operation, next(new_ids), self.values["version"])
        if isinstance(self.item, DeleteItem):
            return Done(self.operation, self.row.id)
        return Done(self.operation, self.row.id, self.values.get("version", self.row.version))


class Batch:
    """All items of one request. Of several items that name one product, or set one SKU, the first one counts."""

    def __init__(self, items: Iterable[Any], permissions: Collection[str]) -> None:
        self._entries = [Entry(position, item, permissions) for position, item in enumerate(items)]

    @property
    def _accepted(self) -> list[Entry]:
        return [entry for entry in self._entries if entry.fault is None]

    def names(self) -> tuple[list[int], list[str]]:
        """Return the ids and the folded SKUs by which the items name products."""
        named = [entry.item for entry in self._accepted if not isinstance(entry.item, CreateItem)]
        ids = [item.id for item in named if item.id is not MISSING and is_possible_id(item.id)]
        return ids, [fold(item.sku) for item in named if item.sku is not MISSING]

    def resolve(self, rows: Iterable[ProductRecord]) -> None:
        """Decide what each item writes. ``rows`` are the products that the items name, locked."""
        found = by_name(rows)
        named: set[int] = set()
        wanted: set[str] = set()
        for entry in self._accepted:
            item, row = entry.item, None
            if not isinstance(item, CreateItem):
                row = found.get(item.id if item.sku is MISSING else fold(item.sku))
                if row is not None and row.id in named:
                    entry.refuse(ConflictError(NAMED_TWICE), item.named_by)
                    continue
                if row is not None:
                    named.add(row.id)
            entry.resolve(row)
            if (sku := entry.wanted_sku) is not None and entry.fault is None:
                if sku in wanted:
                    entry.refuse(AlreadyExistsError("sku"), entry.given)
                wanted.add(sku)

    def require_permissions(self) -> None:
        """Raise MissingPermissionError if the caller may not do what an item asks for."""
        for fault in self._faults():
            if isinstance(fault.error, MissingPermissionError):
                raise fault.error

    def require_no_fault(self) -> None:
        """Raise BatchRejectedError if an item is refused."""
        if faults := self._faults():
            raise BatchRejectedError(faults)

    def wanted_skus(self) -> list[str]:
        return [sku for entry in self._accepted if (sku := entry.wanted_sku) is not None]

    def refuse_taken(self, holders: Mapping[str, int]) -> None:
        """Refuse items whose SKU another product keeps. ``holders`` has the product of each SKU before the batch.

        An item that is refused does not give up its own SKU. So another one may have to be refused too.
        """
        wanting = {entry.wanted_sku: entry for entry in self._accepted}
        given_up = {entry.row.id for entry in self._accepted if entry.row is not None and entry.gives_up_its_sku}
        kept = [sku for sku, holder in holders.items() if holder not in given_up]
        while kept:
            entry = wanting.get(kept.pop())
            if entry is not None and entry.fault is None:
                if entry.row is not None and entry.row.sku_folded is not None:
                    kept.append(entry.row.sku_folded)
                entry.refuse(AlreadyExistsError("sku"), entry.given)

    def writes(self, low_stock: int) -> BatchWrites:
        accepted = self._accepted
        existing = [(entry, entry.row) for entry in accepted if entry.row is not None]
        deleted = [row for entry, row in existing if isinstance(entry.item, DeleteItem)]
        updated = [(row, entry.values) for entry, row in existing if entry.values]
        created = [entry.values for entry in accepted if entry.row is None]
        wanted = set(self.wanted_skus())
        given_up = [row for entry, row in existing if entry.values and entry.gives_up_its_sku]
        # All rows are updated by one statement, so each sets all columns that any of them changes.
        columns = {name for _, values in updated for name in values}
        events: list[ProductEvent] = []
        for row in deleted:
            events.append(replace(deleted_event(values_of(row)), aggregate_id=str(row.id)))
        for row, values in updated:
            told = change_events(values_of(row), values, low_stock)
            events += [replace(event, aggregate_id=str(row.id)) for event in told]
        return BatchWrites(
            deleted=[row.id for row in deleted],
            released=[row.id for row in given_up if row.sku_folded in wanted],
            updated={row.id: {**{name: values_of(row)[name] for name in columns}, **values} for row, values in updated},
            created=created,
            events=events,
            events_of_created=[created_event(values) for values in created],
        )

    def outcomes(self, new_ids: Iterable[int]) -> list[Outcome]:
        """Return the outcome of each item, in order. ``new_ids`` are those of the new products, in order."""
        ids = iter(new_ids)
        return [entry.outcome(ids) for entry in self._entries]

    def _faults(self) -> list[ItemFault]:
        return [entry.fault for entry in self._entries if entry.fault is not None]
