"""All queries for users."""

import uuid
from collections.abc import Collection, Sequence
from typing import Any

from pico_sqlalchemy import Page, PageRequest, SessionManager, get_session, query, repository
from pydantic import MISSING
from sqlalchemy import Select, and_, bindparam, literal_column, or_, select, update

from ..platform.context.claims import Caller
from ..platform.database.queries import fetch_page
from ..platform.database.sessions import wait_for_row
from ..platform.database.upsert import insert_into
from ..platform.fold import search_words
from ..platform.text import fold_case
from .models import UNFOLDED, User, search_fold_of, sort_key_of
from .schemas import UserFilter

IS_UNFOLDED = User.search_fold == literal_column(f"'{UNFOLDED}'")
"""An older release has written the user: only ``search_text`` is right. A partial index has exactly this condition."""

NEXT_UNFOLDED = (
    select(User.id, User.email, User.name)
    .where(IS_UNFOLDED)
    .order_by(User.id)
    .limit(bindparam("limit"))
    .with_for_update(skip_locked=True)
)
SET_FOLDED = (
    update(User.__table__)  # type: ignore[arg-type]  # SQLAlchemy types it as FromClause
    .where(User.id == bindparam("an_id"))
    .values(
        search_fold=bindparam("fold"),
        email_sort=bindparam("email_key"),
        name_sort=bindparam("name_key"),
        updated_at=User.updated_at,
    )
)

STATUS = select(User.is_active).where(User.subject == bindparam("subject"))


@repository(entity=User)
class UserRepository:
    def __init__(self, manager: SessionManager) -> None:
        self._manager = manager

    async def add_if_absent(self, caller: Caller) -> uuid.UUID | None:
        """Insert the caller as a user and return the new id; return None if the subject has a row already.

        Waits for another transaction that is inserting the same subject.
        """
        session = get_session(self._manager)
        values = {"subject": caller.subject, "email": caller.email, "name": caller.name}
        insert = insert_into(session, User).values(**values).on_conflict_do_nothing(index_elements=[User.subject])
        id: uuid.UUID | None = await session.scalar(insert.returning(User.id))
        return id

    async def save(self, user: User) -> User:
        session = get_session(self._manager)
        session.add(user)
        await session.flush()
        return user

    async def delete(self, user: User) -> None:
        session = get_session(self._manager)
        await session.delete(user)
        await session.flush()

    @query(expr="subject = :subject", unique=True)
    async def find_by_subject(self, subject: str) -> User | None: ...

    async def find_by_id(self, id: uuid.UUID) -> User | None:
        return await self._first(select(User).where(User.id == id))

    async def lock_by_subject(self, subject: str) -> User | None:
        """Return the user and lock the row until the transaction ends."""
        await wait_for_row(self._manager, User, subject)
        return await self._first(select(User).where(User.subject == subject).with_for_update())

    async def lock_by_id(self, id: uuid.UUID) -> User | None:
        """Return the user and lock the row until the transaction ends."""
        await wait_for_row(self._manager, User, id)
        return await self._first(select(User).where(User.id == id).with_for_update())

    async def find_status(self, subject: str) -> bool | None:
        """Return whether the user is active, or None if there is no such user."""
        return await get_session(self._manager).scalar(STATUS, {"subject": subject})

    async def find_names(self, subjects: Collection[str]) -> Sequence[Any]:
        """Return subject, name and email of the users with one of ``subjects``."""
        statement = select(User.subject, User.name, User.email).where(User.subject.in_(subjects))
        return (await get_session(self._manager).execute(statement)).all()

    async def find_paged(self, filters: UserFilter, page: PageRequest) -> Page[User]:
        return await fetch_page(get_session(self._manager), User, self._filtered(filters), page)

    async def has_unfolded(self) -> bool:
        """Return whether an older release has written a user that is not folded yet."""
        return await get_session(self._manager).scalar(select(User.id).where(IS_UNFOLDED).limit(1)) is not None

    async def fold_unfolded(self, limit: int) -> int:
        """Fold the texts of up to ``limit`` unfolded users that no other transaction has locked; return their number.

        The rest of the user stays, its version and times too.
        """
        session = get_session(self._manager)
        found = (await session.execute(NEXT_UNFOLDED, {"limit": limit})).all()
        folded = [
            {
                "an_id": id,
                "fold": search_fold_of(email, name),
                "email_key": sort_key_of(email),
                "name_key": sort_key_of(name),
            }
            for id, email, name in found
        ]
        if folded:
            await (await session.connection()).execute(SET_FOLDED, folded)
        return len(folded)

    def _filtered(self, filters: UserFilter) -> Select[User]:
        statement = select(User)
        if filters.search is not MISSING:
            words = [User.search_fold.contains(word, autoescape=True) for word in search_words(filters.search)]
            old_words = [User.search_text.contains(word, autoescape=True) for word in fold_case(filters.search).split()]
            if words:
                statement = statement.where(or_(and_(~IS_UNFOLDED, *words), and_(IS_UNFOLDED, *old_words)))
        if filters.is_active is not MISSING:
            statement = statement.where(User.is_active == filters.is_active)
        return statement

    async def _first(self, statement: Select[User]) -> User | None:
        return (await get_session(self._manager).scalars(statement)).first()
