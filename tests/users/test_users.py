"""The HTTP API of all users, for administrators."""

import asyncio
import uuid
from typing import Any

import httpx
import pytest
from pico_ioc import PicoContainer
from pico_pydantic import ValidationFailedError

from myapp.platform.errors import NotFoundError
from myapp.users.services import UserService

from ..fixture_types import Connect, Register
from ..platform.web.problems import assert_invalid, assert_problem
from .conftest import ME, NOBODY, USERS, new_subject

NO_IDS = [
    "1",
    "abc",
    "x" * 36,
    NOBODY[:-1],
    NOBODY + "0",
    "%00",
    "null",
    NOBODY.replace("-", "_"),
    "9" * 5000,
    f"{{{NOBODY}}}",
]


class TestList:
    @pytest.mark.one_database
    async def test_refuses_callers_without_the_permission(
        self, anonymous: httpx.AsyncClient, viewer: httpx.AsyncClient, manager: httpx.AsyncClient
    ) -> None:
        assert_problem(await anonymous.get(USERS), 401, "missing_token")
        for client in (viewer, manager):
            assert "users:read" in assert_problem(await client.get(USERS), 403, "insufficient_scope")["detail"]

    async def test_tells_of_all_in_the_order_of_their_coming(
        self, admin: httpx.AsyncClient, register: Register
    ) -> None:
        users = [await register(name=name) for name in ("Cid", "Ann", "Bea")]
        response = await admin.get(USERS, params={"page_size": 2})
        page = response.json()
        assert [user["id"] for user in page["items"]] == [user["id"] for user in users[:2]]
        assert {name: page[name] for name in ("total", "page", "page_size", "pages")} == {
            "total": 3,
            "page": 1,
            "page_size": 2,
            "pages": 2,
        }
        assert 'rel="next"' in response.headers["link"]
        last = (await admin.get(USERS + "/", params={"page": 2, "page_size": 2})).json()
        assert [user["name"] for user in last["items"]] == ["Bea"]
        assert (await admin.get(USERS, params={"page": 9})).json() == {
            **last,
            "items": [],
            "page": 9,
            "page_size": 10,
            "pages": 1,
        }

    @pytest.mark.parametrize(
        ("sort", "order"),
        [
            ("name", "abc-"),
            ("-name", "cba-"),
            ("email", "cba-"),
            ("-email,name", "abc-"),
            ("subject", "-cab"),
            ("-created_at", "-cab"),
        ],
    )
    async def test_sorts(self, admin: httpx.AsyncClient, register: Register, sort: str, order: str) -> None:
        """Users without a name come last in both directions."""
        await register(subject="s3", name="b", email="2@x")
        await register(subject="s2", name="a", email="3@x")
        await register(subject="s1", name="c", email="1@x")
        await register(subject="s0")
        found = (await admin.get(USERS, params={"sort": sort})).json()["items"]
        assert "".join(user["name"] or "-" for user in found) == order

    @pytest.mark.one_database
    @pytest.mark.parametrize("sort", ["phone", "is_active", "name,name", "search_text", "", "name;", "version", "-"])
    async def test_refuses_other_orders(self, admin: httpx.AsyncClient, sort: str) -> None:
        assert_invalid(await admin.get(USERS, params={"sort": sort}), "sort")

    @pytest.mark.parametrize(
        ("search", "found"),
        [
            ("ann", ["Ann"]),
            ("ANN@EX", ["Ann"]),
            ("example.com", ["Ann", "Élodie"]),
            ("éLODIE", ["Élodie"]),
            ("e\u0301lodie", ["Élodie"]),
            ("100%", ["100%_\\"]),
            ("%", ["100%_\\"]),
            ("_", ["100%_\\"]),
            ("\\", ["100%_\\"]),
            ("com ann", ["Ann"]),
            ("Ann example", ["Ann"]),
            ("ann elodie", []),
            (" ELODIE ", ["Élodie"]),
            (" ", ["Ann", "Élodie", "100%_\\", None]),
            ("comann", []),
            ("subject", []),
            ("none", []),
            ("\ud7ff", []),
        ],
        ids=ascii,
    )
    async def test_searches_emails_and_names(
        self, admin: httpx.AsyncClient, register: Register, search: str, found: list[str]
    ) -> None:
        await register(email="ann@example.com", name="Ann")
        await register(email="e@example.com", name="Élodie")
        await register(name="100%_\\")
        await register()
        page = (await admin.get(USERS, params={"search": search})).json()
        assert [user["name"] for user in page["items"]] == found
        assert page["total"] == len(found)

    async def test_sorts_names_as_people_do(self, admin: httpx.AsyncClient, register: Register) -> None:
        for name in ("Zoe", "Öl 10", "anna", "Ol 9", "Émile", "Bea"):
            await register(name=name, email=f"{name}@example.com")
        for sort in ("name", "email"):
            found = (await admin.get(USERS, params={"sort": sort})).json()["items"]
            assert [user["name"] for user in found] == ["anna", "Bea", "Émile", "Ol 9", "Öl 10", "Zoe"]

    async def test_finds_a_name_that_was_changed(self, admin: httpx.AsyncClient, connect: Connect) -> None:
        client = await connect(email="ann@example.com", name="Ann")
        await client.patch(ME, json={"name": "Bea"})
        totals = [
            (await admin.get(USERS, params={"search": text})).json()["total"] for text in ("bea", "ann lee", "Béa ann@")
        ]
        assert totals == [1, 0, 1]

    async def test_tells_active_ones_from_others(self, admin: httpx.AsyncClient, register: Register) -> None:
        first, second = await register(name="Ann"), await register(name="Bea")
        await admin.patch(second["path"], json={"is_active": False})
        for value, expected in (("true", first), ("false", second)):
            page = (await admin.get(USERS, params={"is_active": value})).json()
            assert [user["id"] for user in page["items"]] == [expected["id"]]
            assert page["total"] == 1
        assert (await admin.get(USERS, params={"is_active": "true", "search": "bea"})).json()["total"] == 0

    @pytest.mark.one_database
    @pytest.mark.parametrize(
        ("name", "value"),
        [
            ("is_active", "maybe"),
            ("is_active", ""),
            ("search", ""),
            ("search", "a" * 101),
            ("search", "a\x00"),
            ("search", "com\nann"),
            ("page", "0"),
            ("page_size", "101"),
            ("email", "a"),
        ],
    )
    async def test_refuses_other_filters(self, admin: httpx.AsyncClient, name: str, value: str) -> None:
        assert_invalid(await admin.get(USERS, params={name: value}), name)


class TestGet:
    @pytest.mark.one_database
    async def test_refuses_callers_without_the_permission(
        self, anonymous: httpx.AsyncClient, manager: httpx.AsyncClient, register: Register
    ) -> None:
        path = (await register())["path"]
        assert_problem(await anonymous.get(path), 401, "missing_token")
        assert_problem(await manager.get(path), 403, "insufficient_scope")

    async def test_tells_what_the_user_sees(self, admin: httpx.AsyncClient, connect: Connect) -> None:
        profile = await (await connect(email="ann@example.com")).get(ME)
        response = await admin.get(f"{USERS}/{profile.json()['id']}")
        assert (response.json(), response.headers["etag"]) == (profile.json(), profile.headers["etag"])
        assert (await admin.get(f"{USERS}/{profile.json()['id'].upper()}")).json() == profile.json()
        again = await admin.get(f"{USERS}/{profile.json()['id']}", headers={"If-None-Match": '"1"'})
        assert again.status_code == 304

    async def test_finds_nobody(self, admin: httpx.AsyncClient) -> None:
        assert_problem(await admin.get(f"{USERS}/{NOBODY}"), 404, "not_found")

    @pytest.mark.one_database
    @pytest.mark.parametrize("id", NO_IDS, ids=lambda id: id[:40])
    async def test_what_is_no_uuid_is_404(self, admin: httpx.AsyncClient, id: str) -> None:
        for method in ("GET", "PATCH", "DELETE"):
            response = await admin.request(method, f"{USERS}/{id}")
            assert_problem(response, 404, "route_not_found")


class TestUpdate:
    @pytest.mark.one_database
    async def test_refuses_callers_without_the_permission(
        self, anonymous: httpx.AsyncClient, connect: Connect, register: Register, container: PicoContainer
    ) -> None:
        user = await register()
        assert_problem(await anonymous.patch(user["path"], json={"is_active": False}), 401, "missing_token")
        reader = await connect("viewer", permissions=["users:read"])
        problem = assert_problem(await reader.patch(user["path"], json={"is_active": False}), 403, "insufficient_scope")
        assert "users:write" in problem["detail"]
        assert await container.get(UserService).is_active(user["subject"])

    async def test_deactivates_and_activates(self, admin: httpx.AsyncClient, register: Register) -> None:
        user = await register(name="Ann")
        before = (await admin.get(user["path"])).json()
        response = await admin.patch(user["path"], json={"is_active": False})
        changed = response.json()
        assert changed == before | {"is_active": False, "updated_at": changed["updated_at"]}
        assert response.headers["etag"] == '"2"'
        again = await admin.patch(user["path"], json={"is_active": False})
        assert (again.json(), again.headers["etag"]) == (changed, '"2"')
        assert (await admin.patch(user["path"], json={"is_active": True})).json()["is_active"] is True
        assert (await admin.get(user["path"])).headers["etag"] == '"3"'

    @pytest.mark.one_database
    @pytest.mark.parametrize(
        "body",
        [
            {},
            {"is_active": None},
            {"is_active": 0},
            {"is_active": "false"},
            {"is_active": True, "name": "Ann"},
            {"name": "Ann"},
        ],
        ids=str,
    )
    async def test_refuses_other_bodies(
        self, admin: httpx.AsyncClient, register: Register, body: dict[str, Any]
    ) -> None:
        assert_problem(await admin.patch((await register())["path"], json=body), 422, "validation_failed")

    async def test_writes_only_in_an_expected_version(self, admin: httpx.AsyncClient, register: Register) -> None:
        path = (await register())["path"]
        for method, options in (("PATCH", {"json": {"is_active": False}}), ("DELETE", {})):
            response = await admin.request(method, path, headers={"If-Match": '"7"'}, **options)
            assert "version 1" in assert_problem(response, 412, "precondition_failed")["detail"]
        assert (await admin.get(path)).json()["is_active"] is True
        done = await admin.patch(path, json={"is_active": False}, headers={"If-Match": '"1"'})
        assert done.headers["etag"] == '"2"'
        assert (await admin.delete(path, headers={"If-Match": '"2"'})).status_code == 204

    async def test_finds_nobody(self, admin: httpx.AsyncClient) -> None:
        assert_problem(await admin.patch(f"{USERS}/{NOBODY}", json={"is_active": True}), 404, "not_found")


class TestOneself:
    async def test_nobody_deactivates_or_deletes_themselves(self, connect: Connect) -> None:
        admin = await connect("admin")
        profile = (await admin.get(ME)).json()
        path = f"{USERS}/{profile['id']}"
        assert_problem(await admin.patch(path, json={"is_active": False}), 409, "own_account")
        assert_problem(await admin.delete(path), 409, "own_account")
        assert_problem(await admin.delete(path, headers={"If-Match": '"7"'}), 412, "precondition_failed")
        same = await admin.patch(path, json={"is_active": True})
        assert (same.json(), same.headers["etag"]) == (profile, '"1"')

    async def test_two_may_deactivate_each_other(self, connect: Connect) -> None:
        """There is no deadlock. The second call may be refused, because its caller is inactive already."""
        one, other = await connect("admin"), await connect("admin")
        paths = [f"{USERS}/{(await client.get(ME)).json()['id']}" for client in (other, one)]
        body = {"is_active": False}
        answers = await asyncio.gather(one.patch(paths[0], json=body), other.patch(paths[1], json=body))
        assert {200} <= {answer.status_code for answer in answers} <= {200, 403}

    async def test_a_script_is_nobody(self, container: PicoContainer, register: Register) -> None:
        user = await register(subject=new_subject())
        users = container.get(UserService)
        await users.update(uuid.UUID(user["id"]), {"is_active": False})  # type: ignore[arg-type]
        assert not await users.is_active(user["subject"])
        await users.delete(uuid.UUID(user["id"]))
        assert await users.is_active(user["subject"])
        with pytest.raises(NotFoundError):
            await users.get_by_id(uuid.UUID(user["id"]))
        for data in ({}, {"is_active": 1}, None):
            with pytest.raises(ValidationFailedError):
                await users.update(uuid.UUID(user["id"]), data)  # type: ignore[arg-type]


class TestDelete:
    @pytest.mark.one_database
    async def test_refuses_callers_without_the_permission(
        self, anonymous: httpx.AsyncClient, manager: httpx.AsyncClient, admin: httpx.AsyncClient, register: Register
    ) -> None:
        path = (await register())["path"]
        assert_problem(await anonymous.delete(path), 401, "missing_token")
        assert_problem(await manager.delete(path), 403, "insufficient_scope")
        assert (await admin.get(path)).status_code == 200

    async def test_forgets_a_user_who_is_new_at_the_next_call(self, admin: httpx.AsyncClient, connect: Connect) -> None:
        client = await connect(name="Ann")
        await client.patch(ME, json={"phone": "110"})
        profile = (await client.get(ME)).json()
        path = f"{USERS}/{profile['id']}"
        response = await admin.delete(path)
        assert (response.status_code, response.content) == (204, b"")
        assert_problem(await admin.get(path), 404, "not_found")
        assert_problem(await admin.delete(path), 404, "not_found")
        new = (await client.get(ME)).json()
        assert new["id"] != profile["id"]
        assert (new["subject"], new["name"], new["phone"]) == (profile["subject"], "Ann", None)
