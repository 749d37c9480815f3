"""The caller's own profile: ``GET`` and ``PATCH /api/v1/me``."""

import asyncio
from typing import Any

import httpx
import pytest
from pico_client_auth.errors import MissingTokenError
from pico_ioc import PicoContainer
from pico_pydantic import ValidationFailedError
from pico_sqlalchemy import SessionManager
from sqlalchemy import func, select

from myapp.platform.context.claims import Caller, current_caller
from myapp.platform.errors import InactiveCallerError, PreconditionFailedError
from myapp.platform.events.models import Event
from myapp.users.models import User
from myapp.users.services import ProfileService, UserService

from ..fixture_types import Connect
from ..platform.web.problems import assert_invalid, assert_problem
from .conftest import ME, new_subject, recorded_statements

ANN = {"email": "ann@example.com", "name": "Ann Lee"}


async def events(container: PicoContainer) -> list[Event]:
    async with container.get(SessionManager).transaction(read_only=True) as session:
        return list(await session.scalars(select(Event).order_by(Event.id)))


async def count_users(container: PicoContainer) -> int:
    async with container.get(SessionManager).transaction(read_only=True) as session:
        return await session.scalar(select(func.count()).select_from(User)) or 0


class TestGet:
    @pytest.mark.one_database
    async def test_refuses_an_anonymous_caller(self, anonymous: httpx.AsyncClient) -> None:
        assert_problem(await anonymous.get(ME), 401, "missing_token")

    async def test_tells_what_the_token_tells_and_remembers_it(self, connect: Connect) -> None:
        subject = new_subject()
        response = await (await connect(sub=subject, **ANN)).get(ME)
        assert response.status_code == 200
        profile = response.json()
        added = {name: profile[name] for name in ("id", "created_at", "updated_at")}
        assert profile == {"subject": subject, **ANN, "phone": None, "is_active": True, **added}
        assert profile["created_at"] == profile["updated_at"]
        assert response.headers["etag"] == '"1"'
        again = await (await connect(sub=subject, email="later@example.com", name="Later")).get(ME)
        assert again.json() == profile
        assert (await (await connect()).get(ME)).json()["id"] != profile["id"]

    @pytest.mark.parametrize(
        ("claim", "kept"),
        [
            (" Ann ", "Ann"),
            ("李 小龍", "李 小龍"),
            ("a" * 100, "a" * 100),
            ("a" * 300, None),
            ("", None),
            ("  ", None),
            ("Ann\x00", None),
            ("Ann\nBcc: eve@example.com", None),
            ("Ann\u2028Lee", None),
            ("Ann\ud800", None),
            ("\u200b\u2060", None),
            ("\u0301", None),
            (None, None),
            (7, None),
            (True, None),
            (["Ann"], None),
            ({"first": "Ann"}, None),
        ],
        ids=ascii,
    )
    async def test_a_claim_that_cannot_be_kept_counts_as_absent(
        self, connect: Connect, claim: object, kept: str | None
    ) -> None:
        profile = (await (await connect(email=claim, name=claim)).get(ME)).json()
        assert (profile["email"], profile["name"]) == (kept, kept)

    async def test_an_email_may_be_longer_than_a_name(self, connect: Connect) -> None:
        profile = (await (await connect(email="a" * 254, name="a" * 101)).get(ME)).json()
        assert (profile["email"], profile["name"]) == ("a" * 254, None)

    async def test_tells_of_the_new_user_once(self, connect: Connect, container: PicoContainer) -> None:
        client = await connect(**ANN)
        profile = (await client.get(ME, headers={"X-Request-ID": "first"})).json()
        await client.get(ME)
        await client.patch(ME, json={"name": "Ann"})
        [event] = await events(container)
        assert (event.type, event.aggregate, event.aggregate_id, event.version) == (
            "user.created",
            "user",
            profile["id"],
            1,
        )
        assert (event.payload, event.actor, event.request_id) == (ANN, profile["subject"], "first")

    @pytest.mark.parametrize("method", ["GET", "PATCH"])
    async def test_twenty_first_requests_at_once_make_one_user(
        self, connect: Connect, container: PicoContainer, method: str
    ) -> None:
        client = await connect(**ANN)
        body = {"json": {"phone": "030 1234"}} if method == "PATCH" else {}
        answers = await asyncio.gather(*(client.request(method, ME, **body) for _ in range(20)))
        assert {answer.status_code for answer in answers} == {200}
        assert len({answer.json()["id"] for answer in answers}) == 1
        assert await count_users(container) == 1
        assert [event.type for event in await events(container)] == ["user.created"]

    async def test_is_one_read_for_a_caller_who_is_known(self, connect: Connect, container: PicoContainer) -> None:
        client = await connect()
        await client.get(ME)
        with recorded_statements(container) as sent:
            assert (await client.get(ME)).status_code == 200
        assert len(sent) == 1
        assert sent[0].startswith("SELECT")

    async def test_knows_what_has_not_changed(self, connect: Connect) -> None:
        client = await connect()
        etag = (await client.get(ME)).headers["etag"]
        assert (await client.get(ME, headers={"If-None-Match": etag})).status_code == 304


class TestPatch:
    @pytest.mark.one_database
    async def test_refuses_an_anonymous_caller(self, anonymous: httpx.AsyncClient) -> None:
        assert_problem(await anonymous.patch(ME, json={"name": "Ann"}), 401, "missing_token")

    async def test_changes_what_was_sent_and_nothing_else(self, connect: Connect) -> None:
        client = await connect(**ANN)
        profile = (await client.get(ME)).json()
        response = await client.patch(ME, json={"phone": "+49 (0)30 / 12-34.56"})
        changed = response.json()
        assert changed == profile | {"phone": "+49 (0)30 / 12-34.56", "updated_at": changed["updated_at"]}
        assert changed["updated_at"] > profile["updated_at"]
        assert response.headers["etag"] == '"2"'
        changed = (await client.patch(ME, json={"name": " Ann B. "})).json()
        assert (changed["name"], changed["phone"]) == ("Ann B.", "+49 (0)30 / 12-34.56")
        assert (await client.get(ME)).json() == changed

    async def test_clears_by_null(self, connect: Connect) -> None:
        client = await connect(**ANN)
        await client.patch(ME, json={"phone": "110"})
        cleared = (await client.patch(ME, json={"name": None, "phone": None})).json()
        assert (cleared["name"], cleared["phone"], cleared["email"]) == (None, None, ANN["email"])

    async def test_makes_the_user_where_it_comes_first(self, connect: Connect, container: PicoContainer) -> None:
        response = await (await connect(**ANN)).patch(ME, json={"phone": "110"})
        assert (response.status_code, response.json()["name"], response.json()["phone"]) == (200, "Ann Lee", "110")
        [event] = await events(container)
        assert (event.type, event.payload) == ("user.created", ANN)

    async def test_leaves_version_and_times_where_nothing_changes(self, connect: Connect) -> None:
        client = await connect(**ANN)
        profile = (await client.get(ME)).json()
        response = await client.patch(ME, json={"name": ANN["name"], "phone": None})
        assert (response.json(), response.headers["etag"]) == (profile, '"1"')

    @pytest.mark.one_database
    @pytest.mark.parametrize(
        "phone",
        [
            "",
            "12",
            "1" * 21,
            "12a",
            "٣٣٣",
            "\uff11\uff12\uff13",
            "1\n23",
            "1\x0023",
            "110;ext=1",
            "#31#",
            110,
            True,
            ["110"],
            {},
        ],
        ids=ascii,
    )
    async def test_refuses_what_is_no_phone(self, connect: Connect, phone: object) -> None:
        assert_invalid(await (await connect()).patch(ME, json={"phone": phone}), "#/phone")

    @pytest.mark.one_database
    @pytest.mark.parametrize(
        "name",
        ["", " ", "a" * 101, "A\x00", "A\nB", "A\x1b[31m", "A\u2029B", "\u200b", "\u3164\u00ad", 7, False, ["Ann"]],
        ids=ascii,
    )
    async def test_refuses_what_is_no_name(self, connect: Connect, name: object) -> None:
        assert_invalid(await (await connect()).patch(ME, json={"name": name}), "#/name")

    @pytest.mark.one_database
    @pytest.mark.parametrize(
        "member", ["id", "subject", "email", "is_active", "version", "search_text", "created_at", "role", "Name", ""]
    )
    async def test_refuses_other_members(self, connect: Connect, member: str) -> None:
        client = await connect()
        response = await client.patch(ME, json={"name": "Ann", member: "x"})
        assert assert_problem(response, 422, "validation_failed")["errors"][0]["code"] == "extra_forbidden"
        assert (await client.get(ME)).json()["name"] is None

    @pytest.mark.one_database
    @pytest.mark.parametrize("body", [b"{}", b"[]", b"null", b'"Ann"', b'{"name": "\\ud800"}', b'{"phone": NaN}'])
    async def test_refuses_other_bodies(self, connect: Connect, body: bytes) -> None:
        response = await (await connect()).patch(ME, content=body, headers={"Content-Type": "application/json"})
        assert response.status_code in (400, 422), response.text

    async def test_writes_only_in_an_expected_version(self, connect: Connect, container: PicoContainer) -> None:
        client = await connect()
        refused = await client.patch(ME, json={"name": "Ann"}, headers={"If-Match": '"7"'})
        assert_problem(refused, 412, "precondition_failed")
        assert await count_users(container) == 0
        tag = (await client.get(ME)).headers["etag"]
        tag = (await client.patch(ME, json={"name": "Ann"}, headers={"If-Match": tag})).headers["etag"]
        assert tag == '"2"'
        refused = await client.patch(ME, json={"name": "Bea"}, headers={"If-Match": '"1"'})
        assert_problem(refused, 412, "precondition_failed")
        assert (await client.get(ME)).json()["name"] == "Ann"

    async def test_loses_nothing_of_many_at_once(self, connect: Connect) -> None:
        client = await connect()
        bodies = [{"name": f"Ann {n}"} if n % 2 else {"phone": f"000 {n}"} for n in range(20)]
        answers = await asyncio.gather(*(client.patch(ME, json=body) for body in bodies))
        assert {answer.status_code for answer in answers} == {200}
        assert {answer.headers["etag"] for answer in answers} == {f'"{version}"' for version in range(2, 22)}


class TestSubject:
    """A token is refused if its subject does not fit the table."""

    @pytest.mark.parametrize(
        "subject", ["s" * 255, "auth0|123", "Ünïcode 🦉", "two\nlines", "'; DROP TABLE users; --"], ids=ascii
    )
    async def test_of_any_form_is_kept_as_it_is(self, connect: Connect, subject: str) -> None:
        client = await connect(sub=subject)
        assert [(await client.get(ME)).json()["subject"] for _ in range(2)] == [subject] * 2

    @pytest.mark.one_database
    @pytest.mark.parametrize("subject", ["s" * 256, "a\x00b", "a\ud800b"], ids=ascii)
    async def test_that_no_column_holds_makes_the_token_invalid(self, connect: Connect, subject: str) -> None:
        assert_problem(await (await connect(sub=subject)).get(ME), 401, "invalid_token")

    async def test_is_told_apart_by_case(self, connect: Connect) -> None:
        subject = new_subject()
        first, second = await connect(sub=subject), await connect(sub=subject.upper())
        assert (await first.get(ME)).json()["id"] != (await second.get(ME)).json()["id"]


class TestWithoutHttp:
    async def test_a_script_may_see_and_change_a_profile(self, container: PicoContainer) -> None:
        profiles, ann = container.get(ProfileService), Caller(new_subject(), **ANN)
        user = await profiles.get(ann)
        assert (user.email, user.name, user.version) == (ANN["email"], ANN["name"], 1)
        changed = await profiles.update(ann, {"phone": "110"}, frozenset({1}))  # type: ignore[arg-type]
        assert (changed.phone, changed.version) == ("110", 2)
        for data in ({}, {"phone": 110}, {"email": "x"}, None):
            with pytest.raises(ValidationFailedError):
                await profiles.update(ann, data)  # type: ignore[arg-type]
        with pytest.raises(PreconditionFailedError):
            await profiles.update(ann, {"phone": "112"}, frozenset({1}))  # type: ignore[arg-type]
        assert (await profiles.get(ann)).phone == "110"

    async def test_who_is_deactivated_has_no_profile(self, container: PicoContainer) -> None:
        profiles, ann = container.get(ProfileService), Caller(new_subject())
        user = await profiles.get(ann)
        await container.get(UserService).update(user.id, {"is_active": False})  # type: ignore[arg-type]
        with pytest.raises(InactiveCallerError):
            await profiles.get(ann)
        with pytest.raises(InactiveCallerError):
            await profiles.update(ann, {"name": "Ann"})  # type: ignore[arg-type]

    def test_nobody_is_calling_outside_of_a_request(self) -> None:
        with pytest.raises(MissingTokenError):
            current_caller()

    async def test_the_caller_is_forgotten_when_the_request_is_over(self, connect: Connect, app: Any) -> None:
        """The test client runs the application in the task of the test, so a leftover would be visible here."""
        await (await connect(**ANN)).get(ME)
        with pytest.raises(MissingTokenError):
            current_caller()
