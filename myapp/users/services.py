"""The rules for users and the boundaries of their transactions."""

from collections.abc import Sequence
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

EVERYBODY = UserFilter()


@component
class Registration:
    """Gives each caller a row: once, however many of their first requests come at the same time."""

    def __init__(self, repo: UserRepository, events: EventPublisher) -> None:
        self._repo = repo
        self._events = events

    @transactional
    async def lock_or_create(self, caller: Caller) -> User:
        """The caller's row, which nobody else can change until the transaction ends."""
        while (user := await self._repo.lock_by_subject(caller.subject)) is None:
            if id := await self._repo.add_if_absent(caller):
                event = UserCreated(aggregate_id=str(id), version=1, email=caller.email, name=caller.name)
                await self._events.publish(event)
        return user


@component
class ProfileService:
    """What callers may know and change of themselves. Raises ``InactiveCallerError``, ``PreconditionFailedError``,
    ``ValidationFailedError`` (pico-pydantic) and ``DatabaseUnavailableError``."""

    def __init__(self, repo: UserRepository, registration: Registration) -> None:
        self._repo = repo
        self._registration = registration

    async def get(self, caller: Caller) -> User:
        """One read for a caller who is known: no transaction is open around it."""
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
    """What administrators may know and change of everybody. Raises ``NotFoundError``, ``OwnAccountError``,
    ``PreconditionFailedError``, ``ValidationFailedError`` (pico-pydantic) and ``DatabaseUnavailableError``."""

    def __init__(self, repo: UserRepository) -> None:
        self._repo = repo

    @transactional(read_only=True)
    async def is_active(self, subject: str) -> bool:
        """Callers who were never seen, or whose row was deleted, are."""
        return await self._repo.find_status(subject) is not False

    @transactional(read_only=True)
    async def get_by_id(self, user_id: UUID) -> User:
        return found(await self._repo.find_by_id(user_id))

    @transactional(read_only=True)
    async def list_paged(
        self,
        page: int,
        page_size: int,
        filters: UserFilter = EVERYBODY,
        sort: Sequence[Sort] = parse_order(OLDEST_FIRST),
    ) -> Page[User]:
        """Return one page of users; ``page`` 1 is the first, one beyond the end is empty."""
        return await self._repo.find_paged(filters, page_request(page, page_size, sort))

    @transactional
    @validate
    async def update(self, user_id: UUID, data: UserUpdate, expected: ExpectedVersions = None) -> User:
        """Activate or deactivate; a deactivated user is refused everywhere within ``users.status_ttl`` seconds."""
        user = await self._lock(user_id, expected)
        if not data.is_active:
            require_other(user, "deactivate")
        user.is_active = data.is_active
        return await self._repo.save(user)

    @transactional
    async def delete(self, user_id: UUID, expected: ExpectedVersions = None) -> None:
        """Only what is stored here: whoever still has an account at the issuer, and calls again, is a new user."""
        user = await self._lock(user_id, expected)
        require_other(user, "delete")
        await self._repo.delete(user)

    async def _lock(self, user_id: UUID, expected: ExpectedVersions) -> User:
        user = found(await self._repo.lock_by_id(user_id))
        require_version("user", user.version, expected)
        return user


def found(user: User | None) -> User:
    if user is None:
        raise NotFoundError("There is no such user.")
    return user


def require_active(user: User) -> User:
    if not user.is_active:
        raise InactiveCallerError
    return user


def require_other(user: User, verb: str) -> None:
    if user.subject == current_actor():
        raise OwnAccountError(f"Nobody can {verb} themselves.")
