"""The rules for users of the auth server."""

import uuid
from collections.abc import Sequence

from pico_ioc import component
from pico_pydantic import validate
from pico_sqlalchemy import transactional
from sqlalchemy.exc import IntegrityError

from myapp.platform.errors import ConflictError, NotFoundError
from myapp.platform.text import fold_case

from .models import User
from .passwords import Passwords
from .repositories import UserRepository
from .schemas import UserData, UserPassword, UserRoles


@component
class UserService:
    """Manages users. User names are unique, and their case does not matter.

    Raises ``NotFoundError``, ``ConflictError``, ``ValidationFailedError`` (pico-pydantic) and
    ``DatabaseUnavailableError``.
    """

    def __init__(self, repo: UserRepository, passwords: Passwords) -> None:
        self._repo = repo
        self._passwords = passwords

    @transactional
    @validate
    async def create(self, data: UserData) -> User:
        fields = data.model_dump()
        password_hash = self._passwords.hash(fields.pop("password"))
        user = User(**fields, password_hash=password_hash)
        try:
            await self._repo.save(user)
        except IntegrityError as error:  # the unique constraint is the only check
            raise ConflictError(f"A user {data.username} already exists.") from error
        return user

    @transactional
    @validate
    async def set_roles(self, username: str, data: UserRoles) -> User:
        """Replace the roles. New tokens have the new roles."""
        user = await self._lock(username)
        user.roles = data.roles
        return user

    @transactional
    @validate
    async def set_password(self, username: str, data: UserPassword) -> User:
        user = await self._lock(username)
        user.password_hash = self._passwords.hash(data.password)
        return user

    @transactional
    async def set_active(self, username: str, active: bool) -> User:
        """Enable or disable a user. A disabled user gets no new tokens; the last one is valid until it expires."""
        user = await self._lock(username)
        user.active = active
        return user

    @transactional(read_only=True)
    async def list_all(self) -> Sequence[User]:
        return await self._repo.list_all()

    @transactional(read_only=True)
    async def find_active(self, username: str) -> User | None:
        """Return the user; None if there is no such user or the user is disabled."""
        user = await self._repo.find_by_folded_username(fold_case(username))
        return user if user is not None and user.active else None

    @transactional
    async def replace_hash(self, user_id: uuid.UUID, old: str, new: str) -> None:
        """Replace the hash by a new one of the same password, unless the password was changed meanwhile."""
        await self._repo.replace_hash(user_id, old, new)

    async def _lock(self, username: str) -> User:
        user = await self._repo.lock_by_username(username)
        if user is None:
            raise NotFoundError(f"There is no user {username}.")
        return user
