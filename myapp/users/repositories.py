"""All queries for users."""

import uuid

from pico_sqlalchemy import Page, PageRequest, SessionManager, get_session, query, repository
from pydantic import MISSING
from sqlalchemy import Select, bindparam, select

from ..platform.context.claims import Caller
from ..platform.database.queries import fetch_page
from ..platform.database.upsert import insert_into
from ..platform.text import fold
from .models import User
from .schemas import UserFilter

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
        return await self._first(select(User).where(User.subject == subject).with_for_update())

    async def lock_by_id(self, id: uuid.UUID) -> User | None:
        """Return the user and lock the row until the transaction ends."""
        return await self._first(select(User).where(User.id == id).with_for_update())

    async def find_status(self, subject: str) -> bool | None:
        """Return whether the user is active, or None if there is no such user."""
        return await get_session(self._manager).scalar(STATUS, {"subject": subject})

    async def find_paged(self, filters: UserFilter, page: PageRequest) -> Page[User]:
        return await fetch_page(get_session(self._manager), User, self._filtered(filters), page)

    def _filtered(self, filters: UserFilter) -> Select[User]:
        statement = select(User)
        if filters.search is not MISSING:
            statement = statement.where(User.search_text.contains(fold(filters.search), autoescape=True))
        if filters.is_active is not MISSING:
            statement = statement.where(User.is_active == filters.is_active)
        return statement

    async def _first(self, statement: Select[User]) -> User | None:
        return (await get_session(self._manager).scalars(statement)).first()
