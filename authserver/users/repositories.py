"""All queries for users."""

import uuid
from collections.abc import Sequence

from pico_sqlalchemy import SessionManager, get_session, query, repository
from sqlalchemy import select, update

from myapp.platform.database.sessions import wait_for_row
from myapp.platform.text import fold_case

from .models import User


@repository(entity=User)
class UserRepository:
    def __init__(self, manager: SessionManager) -> None:
        self._manager = manager

    async def save(self, user: User) -> None:
        session = get_session(self._manager)
        session.add(user)
        await session.flush()

    @query(expr="username_folded = :username_folded", unique=True)
    async def find_by_folded_username(self, username_folded: str) -> User | None: ...

    async def lock_by_username(self, username: str) -> User | None:
        """Return the user and lock the row until the transaction ends."""
        folded = fold_case(username)
        await wait_for_row(self._manager, User, folded)
        statement = select(User).where(User.username_folded == folded).with_for_update()
        return (await get_session(self._manager).scalars(statement)).first()

    async def list_all(self) -> Sequence[User]:
        """Return all users, sorted by name."""
        return (await get_session(self._manager).scalars(select(User).order_by(User.username_folded))).all()

    async def replace_hash(self, user_id: uuid.UUID, old: str, new: str) -> None:
        """Replace the hash unless the password was changed after ``old`` was read."""
        statement = update(User).where(User.id == user_id, User.password_hash == old).values(password_hash=new)
        await get_session(self._manager).execute(statement)
