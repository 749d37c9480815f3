"""An adjustment while it is decided. Nothing here reads or writes."""

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from pydantic import MISSING

from ...platform.errors import (
    BatchRejectedError,
    ConflictError,
    InsufficientStockError,
    ItemFault,
    NotFoundError,
    RefusedLine,
    StaleStockError,
)
from ...platform.fold import fold
from ...platform.lists import MAX_INTEGER
from ..models import ProductRecord
from ..repositories import by_name, is_possible_id
from .schemas import AdjustmentLine

Place = tuple[str | int, ...]


@dataclass(frozen=True, slots=True)
class FoundLine:
    """A line at its position in the request, and its product as it was before."""

    position: int
    line: AdjustmentLine
    product: ProductRecord

    def place_of(self, member: str) -> Place:
        return place_of(self.position, member)


def place_of(position: int, member: str) -> Place:
    return ("lines", position, member)


def names(lines: Sequence[AdjustmentLine]) -> tuple[list[int], list[str]]:
    """Return the ids and the folded SKUs by which ``lines`` name products."""
    ids = [line.product_id for line in lines if line.product_id is not MISSING and is_possible_id(line.product_id)]
    return ids, [fold(line.sku) for line in lines if line.sku is not MISSING]


def find(lines: Sequence[AdjustmentLine], rows: Iterable[ProductRecord]) -> list[FoundLine]:
    """Return each line with its product. Raises BatchRejectedError if a line names none of ``rows``."""
    named = by_name(rows)
    found: list[FoundLine] = []
    missing: list[ItemFault] = []
    for position, line in enumerate(lines):
        product = named.get(line.product_id if line.sku is MISSING else fold(line.sku))
        if product is None:
            missing.append(ItemFault(place_of(position, line.named_by), NotFoundError("There is no such product.")))
        else:
            found.append(FoundLine(position, line, product))
    if missing:
        raise BatchRejectedError(missing)
    return found


def require_expected(lines: Sequence[FoundLine]) -> None:
    """Raise StaleStockError if a line expects another stock than its product has."""
    stale = [
        RefusedLine(each.place_of("expected"), each.product.stock)
        for each in lines
        if each.line.expected is not MISSING and each.line.expected != each.product.stock
    ]
    if stale:
        raise StaleStockError(stale)


def total_deltas(lines: Sequence[FoundLine]) -> Counter[int]:
    """Return the sum of the deltas of each product, by its id.

    Raises InsufficientStockError if a stock would be below 0, and BatchRejectedError if one would be too large.
    """
    totals = Counter[int]()
    for each in lines:
        totals[each.product.id] += each.line.delta
    short = [
        RefusedLine(each.place_of("delta"), each.product.stock)
        for each in lines
        if each.line.delta < 0 and each.product.stock + totals[each.product.id] < 0
    ]
    if short:
        raise InsufficientStockError(short)
    large = [
        ItemFault(each.place_of("delta"), ConflictError(f"The stock would be above {MAX_INTEGER}."))
        for each in lines
        if each.line.delta > 0 and each.product.stock + totals[each.product.id] > MAX_INTEGER
    ]
    if large:
        raise BatchRejectedError(large)
    return totals
