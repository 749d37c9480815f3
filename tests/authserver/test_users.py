"""The rules for users, tested on the service."""

from typing import Any

import pytest
from pico_ioc import PicoContainer
from pico_pydantic import ValidationFailedError

from authserver.users.services import UserService
from myapp.platform.errors import ConflictError, NotFoundError

from .conftest import PASSWORD, AddUser


@pytest.fixture
def service(container: PicoContainer) -> UserService:
    made: UserService = container.get(UserService)
    return made


class TestCreate:
    @pytest.mark.one_database
    @pytest.mark.parametrize(
        "fields",
        [
            {"username": ""},
            {"username": " alice"},
            {"username": "al\x07ice"},
            {"username": "a" * 101},
            {"username": "\u3164"},
            {"email": "nowhere"},
            {"email": "a@b" + "c" * 252},
            {"name": ""},
            {"name": "a\nb"},
            {"name": "\u3164 \u0301"},
            {"roles": []},
            {"roles": [""]},
            {"roles": ["a b"]},
            {"roles": ["products:write"]},
            {"roles": "admin"},
            {"password": "7 chars"},
            {"password": "x" * 201},
            {"password": "with\x00nul"},
            {"password": "surrogate \ud800"},
            {"active": False},
        ],
    )
    async def test_what_a_user_may_not_be(
        self, service: UserService, add_user: AddUser, fields: dict[str, Any]
    ) -> None:
        with pytest.raises(ValidationFailedError):
            await add_user(**fields)
        assert await service.list_all() == []

    async def test_roles_keep_their_order_and_lose_repetitions(self, add_user: AddUser) -> None:
        assert (await add_user(roles=["b", "a", "b"])).roles == ["b", "a"]

    async def test_the_password_is_kept_as_a_hash(self, add_user: AddUser) -> None:
        user = await add_user()
        assert user.password_hash.startswith("$argon2id$")
        assert PASSWORD not in user.password_hash

    async def test_a_name_is_taken_in_any_case_and_the_next_call_works(
        self, service: UserService, add_user: AddUser
    ) -> None:
        await add_user("stra\u00dfe", email="a@example.com")
        with pytest.raises(ConflictError):
            await add_user("STRASSE", email="a@example.com")
        await add_user("bob")
        assert [user.username for user in await service.list_all()] == ["bob", "stra\u00dfe"]


class TestChange:
    async def test_roles(self, service: UserService, add_user: AddUser) -> None:
        before = await add_user()
        await service.set_roles("ALICE", {"roles": ["viewer"]})
        (after,) = await service.list_all()
        assert after.roles == ["viewer"]
        assert after.id == before.id
        assert after.created_at == before.created_at
        assert after.updated_at > before.updated_at

    async def test_a_user_who_is_not_active_is_not_found_for_a_login(
        self, service: UserService, add_user: AddUser
    ) -> None:
        await add_user()
        assert await service.find_active("Alice") is not None
        await service.set_active("alice", False)
        assert await service.find_active("Alice") is None

    async def test_nobody_is_not_found(self, service: UserService) -> None:
        with pytest.raises(NotFoundError):
            await service.set_roles("nobody", {"roles": ["viewer"]})
        with pytest.raises(NotFoundError):
            await service.set_password("nobody", {"password": PASSWORD})
        with pytest.raises(NotFoundError):
            await service.set_active("nobody", True)
