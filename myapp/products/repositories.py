"""Every query of products."""

from collections.abc import Sequence

from pico_sqlalchemy import Page, PageRequest, SessionManager, get_session, query, repository
from sqlalchemy import bindparam, select

from ..text import fold, is_storable
from .models import MAX_INTEGER, Product

BY_ID = select(Product).where(Product.id == bindparam("id"))
AFTER_ID = select(Product).where(Product.id > bindparam("after_id")).order_by(Product.id).limit(bindparam("limit"))


@repository(entity=Product)
class ProductRepository:
    def __init__(self, manager: SessionManager) -> None:
        self._manager = manager

    async def save(self, product: Product) -> Product:
        session = get_session(self._manager)
        session.add(product)
        await session.flush()
        return product

    async def delete(self, product: Product) -> None:
        session = get_session(self._manager)
        await session.delete(product)
        await session.flush()

    @query(expr="id = :id", unique=True)
    async def find_by_id(self, id: int) -> Product | None: ...

    async def lock_by_id(self, id: int) -> Product | None:
        """The product, which nobody else can change until the transaction ends."""
        found = await get_session(self._manager).scalars(BY_ID.with_for_update(), {"id": id})
        return found.first()

    @query(expr="active = true", paged=True)
    async def find_active_paged(self, page: PageRequest) -> Page[Product]: ...

    @query(expr="1 = 1", paged=True)
    async def find_all_paged(self, page: PageRequest) -> Page[Product]: ...

    async def find_after(self, after_id: int, limit: int, *, include_inactive: bool) -> Sequence[Product]:
        """Up to ``limit`` products with a higher id, in id order."""
        statement = AFTER_ID if include_inactive else AFTER_ID.where(Product.active)
        found = await get_session(self._manager).scalars(statement, {"after_id": after_id, "limit": limit})
        return found.all()

    async def search_by_name(self, text: str, limit: int) -> Sequence[Product]:
        """Active products with ``text`` anywhere in the name, in id order; case does not count."""
        if not is_storable(text):
            return []
        statement = (
            select(Product)
            .where(Product.active, Product.name_folded.contains(fold(text), autoescape=True))
            .order_by(Product.id)
            .limit(limit)
        )
        return (await get_session(self._manager).scalars(statement)).all()


def is_possible_id(id: int) -> bool:
    """Whether the column could hold ``id``; PostgreSQL's driver refuses others with an error."""
    return isinstance(id, int) and not isinstance(id, bool) and 1 <= id <= MAX_INTEGER
