"""POST /login: its input, its answers, and the limit of concurrent checks."""

import asyncio
import json
import threading
import time
import unicodedata
from collections.abc import Awaitable, Callable, Iterator
from typing import Any

import httpx
import jwt
import pytest
from pico_ioc import PicoContainer
from pico_sqlalchemy import SessionManager
from sqlalchemy import select

from authserver.login.services import LoginService
from authserver.users.models import User
from authserver.users.passwords import Passwords
from authserver.users.services import UserService

from .conftest import PASSWORD, AddUser, StartAuthServer, client_of, login

Verify = Callable[[str, str], tuple[bool, str | None]]


@pytest.fixture
def checked(container: PicoContainer, monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Record the hashes that passwords were checked against."""
    hashes: list[str] = []
    passwords = container.get(Passwords)
    verify: Verify = passwords.verify

    def spy(password: str, password_hash: str) -> tuple[bool, str | None]:
        hashes.append(password_hash)
        assert threading.current_thread() is not threading.main_thread()
        return verify(password, password_hash)

    monkeypatch.setattr(passwords, "verify", spy)
    return hashes


@pytest.mark.one_database
class TestRequest:
    @pytest.mark.parametrize(
        ("body", "pointer"),
        [
            ({"username": "alice"}, "#/password"),
            ({"password": "x"}, "#/username"),
            ({"username": "", "password": "x"}, "#/username"),
            ({"username": "a" * 101, "password": "x"}, "#/username"),
            ({"username": "alice", "password": ""}, "#/password"),
            ({"username": "alice", "password": "x" * 201}, "#/password"),
            ({"username": "ali\x00ce", "password": "x"}, "#/username"),
            ({"username": "alice", "password": "\x00"}, "#/password"),
            ({"username": "\ud800", "password": "x"}, "#/username"),
            ({"username": "alice", "password": "\udfff"}, "#/password"),
            ({"username": 1, "password": "x"}, "#/username"),
            ({"username": "alice", "password": None}, "#/password"),
            ({"username": "alice", "password": "x", "scope": "admin"}, "#/scope"),
            ([], "#"),
        ],
    )
    async def test_an_invalid_one_is_refused_without_repeating_it(
        self, client: httpx.AsyncClient, body: Any, pointer: str
    ) -> None:
        response = await client.post("/login", content=json.dumps(body), headers={"Content-Type": "application/json"})
        assert response.status_code == 422
        assert response.headers["content-type"] == "application/problem+json"
        assert [error["pointer"] for error in response.json()["errors"]] == [pointer]
        assert "x" * 20 not in response.text

    @pytest.mark.parametrize(
        ("content", "media_type", "status"),
        [
            ("{", "application/json", 400),
            ("[" * 8_000, "application/json", 400),
            ("username=alice&password=x", "application/x-www-form-urlencoded", 415),
            ('"' + "x" * 20_000 + '"', "application/json", 413),
        ],
    )
    async def test_a_body_that_is_none_is_a_problem_document(
        self, client: httpx.AsyncClient, content: str, media_type: str, status: int
    ) -> None:
        response = await client.post("/login", content=content, headers={"Content-Type": media_type})
        assert response.status_code == status
        assert response.json()["status"] == status

    async def test_get_is_not_allowed(self, client: httpx.AsyncClient) -> None:
        response = await client.get("/login")
        assert response.status_code == 405
        assert response.headers["allow"] == "POST"


class TestFailure:
    async def test_a_wrong_password_is_401_with_a_challenge(self, client: httpx.AsyncClient, add_user: AddUser) -> None:
        await add_user()
        response = await login(client, password="wrong")
        assert response.status_code == 401
        assert response.json()["code"] == "invalid_credentials"
        assert response.headers["www-authenticate"] == 'Password realm="products-api"'

    async def test_unknown_and_disabled_users_get_the_same_answer_after_the_same_work(
        self, client: httpx.AsyncClient, container: PicoContainer, add_user: AddUser, checked: list[str]
    ) -> None:
        await add_user()
        await add_user("gone")
        await container.get(UserService).set_active("gone", False)
        answers = [
            await login(client, "alice", "wrong"),
            await login(client, "nobody", "wrong"),
            await login(client, "gone"),
        ]
        documents = [answer.json() | {"request_id": ""} for answer in answers]
        assert [answer.status_code for answer in answers] == [401, 401, 401]
        assert documents[0] == documents[1] == documents[2]
        # $argon2id$v=19$m=64,t=1,p=1$: the same parameters, so the same time
        assert len({password_hash.rsplit("$", 2)[0] for password_hash in checked}) == 1
        assert len(checked) == 3


class TestSuccess:
    async def test_it_is_a_token_that_nobody_may_store(self, client: httpx.AsyncClient, add_user: AddUser) -> None:
        await add_user()
        response = await login(client)
        assert response.status_code == 200
        assert response.headers["cache-control"] == "no-store"
        assert response.json() == {
            "access_token": response.json()["access_token"],
            "token_type": "Bearer",
            "expires_in": 900,
        }

    async def test_the_token_says_who_and_is_signed_with_a_published_key(
        self, client: httpx.AsyncClient, add_user: AddUser
    ) -> None:
        user = await add_user(roles=["product-manager", "admin"])
        before = int(time.time())
        token = (await login(client)).json()["access_token"]
        keys = jwt.PyJWKSet.from_dict((await client.get("/jwks.json")).json())
        header = jwt.get_unverified_header(token)
        assert header == {"alg": "RS256", "typ": "at+jwt", "kid": keys.keys[0].key_id}
        claims = jwt.decode(
            token, keys[header["kid"]], ["RS256"], audience="products-api", issuer="http://127.0.0.1:8100"
        )
        assert before <= claims["iat"] <= int(time.time())
        assert claims["exp"] - claims["iat"] == 900
        assert claims == {
            "iss": "http://127.0.0.1:8100",
            "aud": "products-api",
            "sub": str(user.id),
            "iat": claims["iat"],
            "exp": claims["exp"],
            "jti": claims["jti"],
            "email": "alice@example.com",
            "name": "Full name of alice",
            "role": "product-manager",
            "roles": ["product-manager", "admin"],
        }

    async def test_each_token_has_an_id_of_its_own(self, client: httpx.AsyncClient, add_user: AddUser) -> None:
        await add_user()
        tokens = [(await login(client)).json()["access_token"] for _ in range(2)]
        ids = {jwt.decode(token, options={"verify_signature": False})["jti"] for token in tokens}
        assert len(ids) == 2

    @pytest.mark.parametrize("typed", ["Jürgen Groß", "JÜRGEN GROSS", unicodedata.normalize("NFD", "jürgen groß")])
    async def test_case_and_composition_of_the_name_do_not_count(
        self, client: httpx.AsyncClient, add_user: AddUser, typed: str
    ) -> None:
        await add_user("Jürgen Groß", email="juergen@example.com")
        assert (await login(client, typed)).status_code == 200

    async def test_composition_of_the_password_does_not_count_but_case_does(
        self, client: httpx.AsyncClient, add_user: AddUser
    ) -> None:
        await add_user(password="größer als")
        assert (await login(client, password=unicodedata.normalize("NFD", "größer als"))).status_code == 200
        assert (await login(client, password="Größer als")).status_code == 401

    async def test_a_hash_follows_the_settings(
        self, client: httpx.AsyncClient, container: PicoContainer, add_user: AddUser, start: StartAuthServer
    ) -> None:
        user = await add_user()
        stronger = start({"AUTHSERVER__PASSWORDS__TIME_COST": "2"})
        async with client_of(stronger) as other:
            assert (await login(other)).status_code == 200
        async with container.get(SessionManager).engine.connect() as connection:
            password_hash = await connection.scalar(select(User.password_hash).where(User.id == user.id))
        assert password_hash is not None
        assert password_hash.startswith("$argon2id$v=19$m=64,t=2,p=1$")
        assert (await login(client)).status_code == 200

    async def test_an_outdated_hash_does_not_replace_a_new_password(
        self, client: httpx.AsyncClient, container: PicoContainer, add_user: AddUser
    ) -> None:
        user = await add_user()
        service = container.get(UserService)
        await service.set_password("alice", {"password": "another password"})
        await service.replace_hash(user.id, user.password_hash, container.get(Passwords).hash(PASSWORD))
        assert (await login(client, password="another password")).status_code == 200

    async def test_it_works_without_http(self, container: PicoContainer, add_user: AddUser) -> None:
        await add_user()
        token = await container.get(LoginService).login("alice", PASSWORD, "")
        assert token.expires_in == 900


class SlowPasswords:
    """Password checks that wait for ``release``."""

    def __init__(self) -> None:
        self.running = 0
        self.most = 0
        self._released = threading.Event()
        self._lock = threading.Lock()

    def verify(self, _password: str, _password_hash: str) -> tuple[bool, str | None]:
        with self._lock:
            self.running += 1
            self.most = max(self.most, self.running)
        self._released.wait(10)
        with self._lock:
            self.running -= 1
        return True, None

    def release(self) -> None:
        self._released.set()


@pytest.fixture
def slow(monkeypatch: pytest.MonkeyPatch) -> Iterator[SlowPasswords]:
    passwords = SlowPasswords()
    monkeypatch.setattr(Passwords, "verify", lambda _self, *arguments: passwords.verify(*arguments))
    yield passwords
    passwords.release()


async def wait_until(condition: Callable[[], bool]) -> None:
    async with asyncio.timeout(5):
        while not condition():  # noqa: ASYNC110 - another thread makes it true
            await asyncio.sleep(0.005)


class TestFlood:
    async def test_the_loop_goes_on_while_a_few_passwords_are_checked_at_once(
        self, client: httpx.AsyncClient, add_user: AddUser, slow: SlowPasswords
    ) -> None:
        users = [await add_user(f"user{number}") for number in range(5)]
        logins = [asyncio.create_task(login(client, user.username)) for user in users]
        await wait_until(lambda: slow.running == 2)
        assert (await client.get("/health")).status_code == 200
        slow.release()
        assert [response.status_code for response in await asyncio.gather(*logins)] == [200] * 5
        assert slow.most == 2

    @pytest.mark.parametrize(
        "setting", [{"AUTHSERVER__LOGIN__MAX_WAITING": "1"}, {"AUTHSERVER__LOGIN__MAX_WAIT": "0.05"}]
    )
    async def test_one_too_many_is_503_and_no_failure(
        self, add_user: AddUser, start: StartAuthServer, slow: SlowPasswords, setting: dict[str, str]
    ) -> None:
        await add_user()
        await add_user("bob")
        small = start(setting | {"AUTHSERVER__LOGIN__PARALLEL_CHECKS": "1", "AUTHSERVER__LOGIN__MAX_FAILURES": "1"})
        async with client_of(small) as client:
            first = asyncio.create_task(login(client))
            await wait_until(lambda: slow.running == 1)
            refused: list[Awaitable[httpx.Response]] = [login(client, "bob") for _ in range(3)]
            for response in await asyncio.gather(*refused):
                assert response.status_code == 503
                assert response.json()["code"] == "login_busy"
                assert response.headers["retry-after"] == "2"
            slow.release()
            assert (await first).status_code == 200
            assert (await login(client, "bob")).status_code == 200
