"""The HTTP API of users: one's own profile for everybody, all users for administrators."""

from typing import Annotated, Any
from uuid import UUID

from fastapi import Query
from pico_fastapi import controller
from pydantic import Field

from ..platform.auth.authorities import requires_permission
from ..platform.context.claims import current_caller
from ..platform.database.columns import sortable_fields
from ..platform.errors import NotFoundError, OwnAccountError, PreconditionFailedError
from ..platform.web.paging import PageQuery, PageResponse, sort_order
from ..platform.web.preconditions import IfMatch
from ..platform.web.routing import delete, get, patch
from .models import User
from .schemas import OLDEST_FIRST, ProfileUpdate, UserFilter, UserResponse, UserUpdate
from .services import ProfileService, UserService

UserSort = Annotated[Any, sort_order(*sortable_fields(User)), Query()]


class UserListQuery(UserFilter, PageQuery):
    sort: UserSort = Field(default=OLDEST_FIRST, validate_default=True)


@controller(prefix="/api/v1/me", tags=["Users"], scope="singleton")
class ProfileController:
    def __init__(self, service: ProfileService) -> None:
        self._service = service

    @get("", response_model=UserResponse, versioned=True)
    async def get_own_profile(self) -> Any:
        """Return the caller's own profile. The first call creates it."""
        return await self._service.get(current_caller())

    @patch("", response_model=UserResponse, versioned=True, errors=[PreconditionFailedError])
    async def update_own_profile(self, body: ProfileUpdate, expected: IfMatch) -> Any:
        """Change only the fields that are sent. `null` clears a field."""
        return await self._service.update(current_caller(), body.model_dump(), expected)


@controller(prefix="/api/v1/users", tags=["Users"], scope="singleton")
class UserController:
    def __init__(self, service: UserService) -> None:
        self._service = service

    @get("/", response_model=PageResponse[UserResponse], paged=True)
    @requires_permission("users:read")
    async def list_users(self, query: Annotated[UserListQuery, Query()]) -> Any:
        return await self._service.list_paged(query.page, query.page_size, query, query.sort)

    @get("/{user_id:uuid}", response_model=UserResponse, versioned=True, errors=[NotFoundError])
    @requires_permission("users:read")
    async def get_user(self, user_id: UUID) -> Any:
        return await self._service.get_by_id(user_id)

    @patch(
        "/{user_id:uuid}",
        response_model=UserResponse,
        versioned=True,
        errors=[NotFoundError, OwnAccountError, PreconditionFailedError],
    )
    @requires_permission("users:write")
    async def update_user(self, user_id: UUID, body: UserUpdate, expected: IfMatch) -> Any:
        """Activate or deactivate a user. Within five seconds, every route refuses a deactivated user."""
        return await self._service.update(user_id, body.model_dump(), expected)

    @delete("/{user_id:uuid}", status_code=204, errors=[NotFoundError, OwnAccountError, PreconditionFailedError])
    @requires_permission("users:write")
    async def delete_user(self, user_id: UUID, expected: IfMatch) -> None:
        """Delete a user. If the user calls again with a valid token, a new user is created."""
        await self._service.delete(user_id, expected)
