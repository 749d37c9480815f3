"""Apply a batch in one transaction."""

from pico_ioc import component
from pico_pydantic import validate
from pico_sqlalchemy import transactional

from ...platform.errors import AlreadyExistsError, ConflictError
from ..repositories import ProductRepository
from ..settings import ProductsSettings
from .batch import PERMISSIONS, Batch, Outcome
from .schemas import BulkOrder

MAX_ATTEMPTS = 5
ALL = frozenset(PERMISSIONS.values())


@component
class BulkService:
    """Many changes of products at once, for HTTP, scripts and tests."""

    def __init__(self, repo: ProductRepository, settings: ProductsSettings) -> None:
        self._repo = repo
        self._low_stock = settings.low_stock_threshold

    @transactional
    @validate
    async def apply(self, order: BulkOrder, permissions: frozenset[str] = ALL) -> list[Outcome]:
        """Apply the items of ``order`` and return the outcome of each, in order. ``permissions`` are the caller's.

        The batch is one change: deletions come first, then updates, then new products. With ``reject``, raises
        MissingPermissionError or BatchRejectedError if an item is refused, and nothing is changed.
        """
        batch = Batch(order.items, permissions)
        rejects = order.on_error == "reject"
        if rejects:
            batch.require_permissions()
        batch.resolve(await self._repo.lock_named(*batch.names()))
        for _ in range(MAX_ATTEMPTS):
            if rejects:
                batch.require_no_fault()
            try:
                return batch.outcomes(await self._repo.write_batch(batch.writes(self._low_stock)))
            except AlreadyExistsError:
                # The database decides that a SKU is taken. Only afterwards, look whose it is.
                batch.refuse_taken(await self._repo.find_holders(batch.wanted_skus()))
        raise ConflictError("Other requests changed the same products at the same time.")
