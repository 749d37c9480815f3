"""POST /token: OAuth 2.0's password grant, on the same login service as POST /login."""

from typing import Any
from urllib.parse import urlencode

import httpx
import jwt
import pytest

from authserver.login.errors import LoginBusyError
from authserver.login.services import LoginService
from myapp.platform.errors import DatabaseUnavailableError

from .conftest import PASSWORD, AddUser, login

FORM = "application/x-www-form-urlencoded"


async def ask(client: httpx.AsyncClient, username: str = "alice", password: str = PASSWORD) -> httpx.Response:
    return await client.post("/token", data={"grant_type": "password", "username": username, "password": password})


def assert_refused(response: httpx.Response, status: int, error: str) -> str:
    """Return the description of an error of RFC 6749 §5.2."""
    assert (response.status_code, response.json()["error"]) == (status, error)
    assert response.headers["content-type"] == "application/json"
    assert response.headers["cache-control"] == "no-store"
    assert set(response.json()) == {"error", "error_description"}
    description: str = response.json()["error_description"]
    return description


class TestSuccess:
    async def test_it_answers_as_login_does(self, client: httpx.AsyncClient, add_user: AddUser) -> None:
        user = await add_user()
        response = await ask(client)
        assert response.status_code == 200
        assert response.headers["cache-control"] == "no-store"
        assert set(response.json()) == {"access_token", "token_type", "expires_in"}
        claims = [
            jwt.decode(answer.json()["access_token"], options={"verify_signature": False})
            for answer in (response, await login(client))
        ]
        assert claims[0]["sub"] == str(user.id)
        for varying in ("jti", "iat", "exp"):
            for token in claims:
                del token[varying]
        assert claims[0] == claims[1]

    async def test_what_swagger_ui_adds_does_not_count(self, client: httpx.AsyncClient, add_user: AddUser) -> None:
        await add_user()
        form = {"grant_type": "password", "username": "alice", "password": PASSWORD}
        more = {"scope": "", "client_id": "docs", "client_secret": "secret", "something": "else"}
        response = await client.post("/token", data=form | more, headers={"Authorization": "Basic Og=="})
        assert response.status_code == 200

    @pytest.mark.parametrize("password", ["größer als +&=%", "a" * 200])
    async def test_a_password_of_any_characters_arrives(
        self, client: httpx.AsyncClient, add_user: AddUser, password: str
    ) -> None:
        await add_user(password=password)
        assert (await ask(client, password=password)).status_code == 200


class TestRefusal:
    async def test_a_wrong_password_an_unknown_user_and_a_disabled_one_are_alike(
        self, client: httpx.AsyncClient, add_user: AddUser
    ) -> None:
        await add_user()
        wrong, unknown = await ask(client, password="wrong"), await ask(client, "nobody")
        assert_refused(wrong, 400, "invalid_grant")
        assert wrong.json() == unknown.json()

    async def test_failures_count_together_with_those_of_login(
        self, client: httpx.AsyncClient, add_user: AddUser
    ) -> None:
        await add_user()
        for _ in range(3):
            await login(client, password="wrong")
        for _ in range(2):
            assert_refused(await ask(client, password="wrong"), 400, "invalid_grant")
        locked = await ask(client)
        assert_refused(locked, 429, "temporarily_unavailable")
        assert 0 < int(locked.headers["retry-after"]) <= 60
        assert (await login(client)).status_code == 429

    @pytest.mark.parametrize(
        ("form", "error"),
        [
            ({}, "invalid_request"),
            ({"username": "alice", "password": "x"}, "invalid_request"),
            ({"grant_type": "", "username": "alice", "password": "x"}, "invalid_request"),
            ({"grant_type": "client_credentials"}, "unsupported_grant_type"),
            ({"grant_type": "password\x00", "username": "alice", "password": "x"}, "unsupported_grant_type"),
            ({"grant_type": "password", "username": "alice"}, "invalid_request"),
            ({"grant_type": "password", "username": "alice", "password": ""}, "invalid_request"),
            ({"grant_type": "password", "username": "a" * 101, "password": "x"}, "invalid_request"),
            ({"grant_type": "password", "username": "alice", "password": "x" * 201}, "invalid_request"),
            ({"grant_type": "password", "username": "ali\x00ce", "password": "x"}, "invalid_request"),
            ({"grant_type": "password", "username": "alice", "password": "\x00"}, "invalid_request"),
            ([("grant_type", "password"), ("username", "a"), ("username", "b"), ("password", "x")], "invalid_request"),
            ([(f"field{number}", "x") for number in range(50)], "invalid_request"),
        ],
    )
    async def test_an_invalid_form_is_refused_without_repeating_it(
        self, client: httpx.AsyncClient, form: Any, error: str
    ) -> None:
        response = await client.post("/token", content=urlencode(form), headers={"Content-Type": FORM})
        description = assert_refused(response, 400, error)
        assert "x" * 20 not in description
        assert description.isprintable()

    @pytest.mark.parametrize(
        ("content", "media_type"),
        [
            ('{"grant_type": "password", "username": "alice", "password": "x"}', "application/json"),
            ("grant_type=password&username=alice&password=x", "text/plain"),
            ("grant_type=password&username=alice&password=x", ""),
            (b"grant_type=password&username=\xff&password=x", FORM),
            ("grant_type=password&username=%ed%a0%80&password=x", FORM),
            ("grant_type=password&username=%ff&password=x", FORM),
            ("&", FORM),
            ("grant_type", FORM),
        ],
    )
    async def test_a_body_that_is_no_form_is_refused(
        self, client: httpx.AsyncClient, content: str | bytes, media_type: str
    ) -> None:
        headers = {"Content-Type": media_type} if media_type else {}
        assert_refused(await client.post("/token", content=content, headers=headers), 400, "invalid_request")

    async def test_a_large_body_is_413(self, client: httpx.AsyncClient) -> None:
        response = await client.post("/token", content="a=" + "x" * 20_000, headers={"Content-Type": FORM})
        assert (response.status_code, response.json()["code"]) == (413, "body_too_large")

    async def test_nothing_is_taken_from_the_query(self, client: httpx.AsyncClient, add_user: AddUser) -> None:
        await add_user()
        query = {"grant_type": "password", "username": "alice", "password": PASSWORD}
        assert (await client.post("/token", params=query, headers={"Content-Type": FORM})).status_code == 422
        assert (await client.get("/token")).status_code == 405

    @pytest.mark.parametrize("error", [LoginBusyError(), DatabaseUnavailableError()])
    async def test_an_overloaded_server_says_when_to_come_back(
        self, client: httpx.AsyncClient, monkeypatch: pytest.MonkeyPatch, error: Exception
    ) -> None:
        async def fail(*_: object) -> None:
            raise error

        monkeypatch.setattr(LoginService, "login", fail)
        busy = await ask(client)
        assert_refused(busy, 503, "temporarily_unavailable")
        assert busy.headers["retry-after"] == "2"


class TestBrowser:
    async def test_a_page_of_the_api_may_ask(self, client: httpx.AsyncClient, add_user: AddUser) -> None:
        await add_user()
        origin = {"Origin": "http://127.0.0.1:8000"}
        asked = {"Access-Control-Request-Method": "POST"}
        # What Swagger UI sends with a token request.
        asked["Access-Control-Request-Headers"] = "authorization,content-type,x-requested-with"
        preflight = await client.options("/token", headers=origin | asked)
        assert preflight.status_code == 204
        assert preflight.headers["access-control-allow-origin"] == origin["Origin"]
        for name in ("authorization", "content-type", "x-requested-with"):
            assert name in preflight.headers["access-control-allow-headers"].lower()
        form = {"grant_type": "password", "username": "alice", "password": "wrong"}
        refused = await client.post("/token", data=form, headers=origin)
        assert refused.status_code == 400
        assert refused.headers["access-control-allow-origin"] == origin["Origin"]
        assert "access-control-allow-credentials" not in refused.headers

    @pytest.mark.parametrize("origin", ["http://testserver", "http://127.0.0.1:8100", "http://localhost:8000"])
    async def test_a_page_of_a_known_origin_may_post_the_form(
        self, client: httpx.AsyncClient, add_user: AddUser, origin: str
    ) -> None:
        await add_user()
        form = {"grant_type": "password", "username": "alice", "password": PASSWORD}
        assert (await client.post("/token", data=form, headers={"Origin": origin})).status_code == 200

    @pytest.mark.parametrize("origin", ["https://evil.example", "http://testserver:81", "https://testserver", "null"])
    async def test_a_page_of_another_origin_cannot_lock_a_user(
        self, client: httpx.AsyncClient, add_user: AddUser, origin: str
    ) -> None:
        await add_user()
        form = {"grant_type": "password", "username": "alice", "password": "wrong"}
        for _ in range(5):
            response = await client.post("/token", data=form, headers={"Origin": origin})
            assert_refused(response, 400, "invalid_request")
        assert (await ask(client)).status_code == 200

    async def test_another_origin_may_not(self, client: httpx.AsyncClient) -> None:
        response = await client.get("/health", headers={"Origin": "https://evil.example"})
        assert "access-control-allow-origin" not in response.headers


@pytest.mark.one_database
@pytest.mark.parametrize("path", ["/token", "/login"])
async def test_a_compressed_body_is_refused(client: httpx.AsyncClient, path: str) -> None:
    response = await client.post(path, content=b"x", headers={"Content-Encoding": "gzip"})
    assert (response.status_code, response.json()["code"]) == (415, "unsupported_encoding")
    assert response.headers["accept-encoding"] == "identity"
