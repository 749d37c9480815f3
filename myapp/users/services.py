"""The rules for users."""

from collections.abc import Collection, Sequence
from uuid import UUID

from pico_ioc import component
from pico_pydantic import validate
from pico_sqlalchemy import Page, Sort, transactional

from ..platform.context.actor import current_actor
from ..platform.context.claims import Caller
from ..platform.errors import InactiveCallerError, NotFoundError, OwnAccountError
from ..platform.events.publisher import EventPublisher
from ..platform.lists import page_request, parse_order
from ..platform.versions import ExpectedVersions, require_version
from .events import UserCreated
from .models import User
from .repositories import UserRepository
from .schemas import OLDEST_FIRST, ProfileUpdate, UserFilter, UserUpdate

NO_FILTERS = UserFilter()


@component
class Registration:
    """Creates the row of a caller at the first request. Concurrent first requests create one row."""

    def __init__(self, repo: UserRepository, events: EventPublisher) -> None:
        self._repo = repo
        self._events = events

    @transactional
    async def lock_or_create(self, caller: Caller) -> User:
        """Return the caller's row and lock it until the transaction ends."""
        while (user := await self._repo.lock_by_subject(caller.subject)) is None:
            if id := await self._repo.add_if_absent(caller):
                event = UserCreated(aggregate_id=str(id), version=1, email=caller.email, name=caller.name)
                await self._events.publish(event)
        return user


@component
class ProfileService:
    """The caller's own profile.

    Raises ``InactiveCallerError``, ``PreconditionFailedError``, ``ValidationFailedError`` (pico-pydantic) and
    ``DatabaseUnavailableError``.
    """

    def __init__(self, repo: UserRepository, registration: Registration) -> None:
        self._repo = repo
        self._registration = registration

    async def get(self, caller: Caller) -> User:
        """Return the caller's row. For a known caller this is a single read without a transaction."""
        user = await self._repo.find_by_subject(subject=caller.subject)
        return require_active(user or await self._registration.lock_or_create(caller))

    @transactional
    @validate
    async def update(self, caller: Caller, data: ProfileUpdate, expected: ExpectedVersions = None) -> User:
        user = require_active(await self._registration.lock_or_create(caller))
        require_version("user", user.version, expected)
        for field, value in data.model_dump().items():
            setattr(user, field, value)
        return await self._repo.save(user)


@component
class UserService:
    """All users, for administrators.

    Raises ``NotFoundError``, ``OwnAccountError``, ``PreconditionFailedError``, ``ValidationFailedError``
    (pico-pydantic) and ``DatabaseUnavailableError``.
    """

    def __init__(self, repo: UserRepository) -> None:
        self._repo = repo

    @transactional(read_only=True)
    async def is_active(self, subject: str) -> bool:
        """Return whether the caller is active. A caller without a row counts as active."""
        return await self._repo.find_status(subject) is not False

    @transactional(read_only=True)
    async def names_of(self, subjects: Collection[str]) -> dict[str, str]:
        """Return the name, or else the email address, of each user of ``subjects`` who has one."""
        users = await self._repo.find_names(subjects)
        return {subject: name or email for subject, name, email in users if name or email}

    @transactional(read_only=True)
    async def get_by_id(self, user_id: UUID) -> User:
        return require_found(await self._repo.find_by_id(user_id))

    @transactional(read_only=True)
    async def list_paged(
        self,
        page: int,
        page_size: int,
        filters: UserFilter = NO_FILTERS,
        sort: Sequence[Sort] = parse_order(OLDEST_FIRST),
    ) -> Page[User]:
        """Return one page of users; ``page`` 1 is the first, one beyond the end is empty."""
        return await self._repo.find_paged(filters, page_request(page, page_size, sort))

    @transactional
    @validate
    async def update(self, user_id: UUID, data: UserUpdate, expected: ExpectedVersions = None) -> User:
        """Activate or deactivate a user. All processes refuse a deactivated one within ``users.status_ttl`` seconds."""
        user = await self._lock(user_id, expected)
        if not data.is_active:
            require_not_self(user, "deactivate")
        user.is_active = data.is_active
        return await self._repo.save(user)

    @transactional
    async def delete(self, user_id: UUID, expected: ExpectedVersions = None) -> None:
        """Delete the row of a user. Whoever still has an account at the issuer and calls again becomes a new user."""
        user = await self._lock(user_id, expected)
        require_not_self(user, "delete")
        await self._repo.delete(user)

    async def _lock(self, user_id: UUID, expected: ExpectedVersions) -> User:
        user = require_found(await self._repo.lock_by_id(user_id))
        require_version("user", user.version, expected)
        return user


@component
class FoldedUsers:
    """Folds the texts of users that processes of an older release write while both releases run."""

    def __init__(self, repo: UserRepository) -> None:
        self._repo = repo

    @transactional(read_only=True)
    async def is_work_left(self) -> bool:
        return await self._repo.has_unfolded()

    @transactional
    async def fold_batch(self, limit: int) -> int:
        """Fold the texts of up to ``limit`` users and return their number."""
        return await self._repo.fold_unfolded(limit)


def require_found(user: User | None) -> User:
    if user is None:
        raise NotFoundError("There is no such user.")
    return user


def require_active(user: User) -> User:
    if not user.is_active:
        raise InactiveCallerError
    return user


def require_not_self(user: User, verb: str) -> None:
    if user.subject == current_actor():
        raise OwnAccountError(f"You cannot {verb} your own account.")
