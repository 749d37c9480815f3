"""The issuer's keys: how often they are fetched, and how requests are answered while they cannot be fetched."""

import asyncio
import json
import logging
import time
from base64 import b64encode
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from fastapi import FastAPI
from pico_client_auth.config import AuthClientSettings
from pico_client_auth.errors import TokenInvalidError

from myapp.platform.auth.keys import IssuerKeys
from myapp.platform.auth.settings import AuthSettings
from myapp.platform.errors import IssuerUnavailableError, StartupError
from tests.conftest import client_of
from tests.issuer import DISCOVERY, KEYS, Issuer, public_jwk
from tests.platform.mail.certificates import Authority
from tests.platform.test_urls import NO_BASES, NO_URLS
from tests.platform.web.problems import assert_problem

from ...fixture_types import StartContainer
from .conftest import PAUSE, PROBE, caller, fetches, validator_of
from .test_tokens import FOREIGN_KEY, encoded, hmac_signed

CALLERS = 20


async def wait_for_pause() -> None:
    await asyncio.sleep(PAUSE * 1.1)


NO_PAUSE = 0.000_001
"""Seconds, for tests that are not about the pause."""


@pytest.fixture
def start_application(start: StartContainer, empty_database: str, own_issuer: Issuer) -> Callable[..., FastAPI]:
    """Return a function that starts an application which trusts ``own_issuer``."""

    def make(**settings: str) -> FastAPI:
        environment = {
            "DATABASE__URL": empty_database,
            "AUTH_CLIENT__ISSUER": own_issuer.url,
            "AUTH__JWKS_REFRESH_PAUSE": str(PAUSE),
            "AUTH__JWKS_TIMEOUT": "0.5",
            **settings,
        }
        return start(environment, modules=[PROBE]).get(FastAPI)

    return make


class TestFetching:
    async def test_nothing_is_fetched_before_a_token_comes(self, own_issuer: Issuer) -> None:
        validator_of(own_issuer)
        assert own_issuer.requests == []

    async def test_twenty_first_callers_share_one_fetch(self, own_issuer: Issuer) -> None:
        validator = validator_of(own_issuer)
        tokens = [own_issuer.token("viewer") for _ in range(CALLERS)]
        await asyncio.gather(*map(validator.validate, tokens))
        assert own_issuer.requests == [DISCOVERY, KEYS]

    async def test_unknown_keys_cost_one_fetch_a_pause(self, own_issuer: Issuer) -> None:
        validator = validator_of(own_issuer, jwks_refresh_pause=1.0)
        tokens = [own_issuer.token("viewer", headers={"kid": f"unknown-{number}"}) for number in range(CALLERS)]

        async def attack(token: str) -> None:
            with pytest.raises(TokenInvalidError, match="unknown key"):
                await validator.validate(token)

        await validator.validate(own_issuer.token("viewer"))
        await asyncio.gather(*map(attack, tokens))
        assert fetches(own_issuer) == 1  # the pause after the first fetch is not over
        await asyncio.sleep(1.05)
        await asyncio.gather(*map(attack, tokens))
        for token in tokens:
            await attack(token)
        assert fetches(own_issuer) == 2

    async def test_old_keys_are_fetched_again(self, own_issuer: Issuer) -> None:
        validator = validator_of(own_issuer, ttl=0, jwks_refresh_pause=1.0)
        token = own_issuer.token("viewer")
        for expected in (1, 2):
            for _ in range(5):
                await validator.validate(token)
            assert fetches(own_issuer) == expected
            await asyncio.sleep(1.05 if expected == 1 else 0)

    async def test_fresh_keys_are_not_fetched_again(self, own_issuer: Issuer) -> None:
        validator = validator_of(own_issuer)
        for _ in range(2):
            await validator.validate(own_issuer.token("viewer"))
            await wait_for_pause()
        assert fetches(own_issuer) == 1

    async def test_an_endpoint_may_be_set(self, own_issuer: Issuer) -> None:
        """For an issuer without a discovery document."""
        validator = validator_of(own_issuer, client={"jwks_endpoint": own_issuer.url + KEYS})
        await validator.validate(own_issuer.token("viewer"))
        assert own_issuer.requests == [KEYS]

    async def test_the_interface_of_the_package_is_kept(self, own_issuer: Issuer) -> None:
        keys = IssuerKeys(AuthClientSettings(issuer=own_issuer.url), AuthSettings())
        [jwk] = own_issuer.published
        assert await keys.get_key(jwk["kid"]) == jwk
        with pytest.raises(KeyError):
            await keys.get_key("unknown")

    async def test_has_keys_from_the_first_fetch_on(self, own_issuer: Issuer) -> None:
        keys = IssuerKeys(AuthClientSettings(issuer=own_issuer.url), AuthSettings(jwks_refresh_pause=NO_PAUSE))
        own_issuer.stop()
        assert not await keys.has_keys()
        own_issuer.start()
        assert await keys.has_keys()
        own_issuer.stop()
        assert await keys.has_keys()


class TestRotation:
    async def test_a_new_key_is_accepted_after_the_pause_and_the_old_one_still(self, own_issuer: Issuer) -> None:
        validator = validator_of(own_issuer, jwks_refresh_pause=1.0)
        before, old = own_issuer.token("viewer"), own_issuer.published
        own_issuer.rotate()
        after, both = own_issuer.token("viewer"), own_issuer.published
        own_issuer.published = old
        await validator.validate(before)
        own_issuer.published = both
        with pytest.raises(TokenInvalidError, match="unknown key"):
            await validator.validate(after)
        await asyncio.sleep(1.05)
        await validator.validate(after)
        await validator.validate(before)

    async def test_a_remembered_token_of_a_withdrawn_key_is_refused(self, own_issuer: Issuer) -> None:
        validator = validator_of(own_issuer, ttl=0, jwks_refresh_pause=NO_PAUSE)
        before = own_issuer.token("viewer")
        await validator.validate(before)
        own_issuer.rotate(keep=False)
        with pytest.raises(TokenInvalidError, match="unknown key"):
            await validator.validate(before)
        await validator.validate(own_issuer.token("viewer"))

    async def test_a_new_key_with_the_same_kid_replaces_the_old_one(self, own_issuer: Issuer) -> None:
        validator = validator_of(own_issuer, ttl=0, jwks_refresh_pause=NO_PAUSE)
        kid = next(iter(own_issuer.keys))
        before = own_issuer.token("viewer")
        await validator.validate(before)
        own_issuer.rotate(kid, keep=False)
        with pytest.raises(TokenInvalidError, match="not valid"):
            await validator.validate(before)
        await validator.validate(own_issuer.token("viewer"))

    async def test_the_pause_lets_a_rotation_be_seen_within_forty_seconds(self) -> None:
        assert AuthSettings().jwks_refresh_pause + AuthSettings().jwks_timeout < 40


BROKEN: dict[str, tuple[int, bytes]] = {
    "nothing": (200, b""),
    "garbage": (200, b"\xff\x00garbage"),
    "HTML": (200, b"<!doctype html><title>Sign in</title>"),
    "null": (200, b"null"),
    "a list": (200, b"[]"),
    "a number": (200, b"7"),
    "an empty object": (200, b"{}"),
    "keys null": (200, b'{"keys": null}'),
    "keys an object": (200, b'{"keys": {"kid": "x"}}'),
    "nested deeply": (200, b'{"keys":' + b"[" * 100_000),
    "a redirection": (302, b""),
    "not found": (404, b"{}"),
    "failed": (500, b'{"keys": []}'),
}


class TestBrokenIssuer:
    @pytest.fixture(scope="class")
    @classmethod
    def broken_issuer(cls) -> Iterator[Issuer]:
        running = Issuer().start()
        yield running
        running.stop()

    @pytest.mark.parametrize("answer", BROKEN.values(), ids=BROKEN.keys())
    @pytest.mark.parametrize("endpoint", ["", KEYS], ids=["discovery", "keys"])
    async def test_matters_only_without_keys(
        self, broken_issuer: Issuer, answer: tuple[int, bytes], endpoint: str
    ) -> None:
        client = {"jwks_endpoint": endpoint and broken_issuer.url + endpoint}
        cold = validator_of(broken_issuer, client=client, jwks_refresh_pause=NO_PAUSE)
        warm = validator_of(broken_issuer, client=client, jwks_refresh_pause=NO_PAUSE, ttl=0)
        token = broken_issuer.token("viewer")
        await warm.validate(token)
        broken_issuer.status, broken_issuer.body = answer
        before = len(broken_issuer.requests)
        with pytest.raises(IssuerUnavailableError):
            await cold.validate(token)
        await warm.validate(token)
        assert len(broken_issuer.requests) == before + 2  # both have fetched

        broken_issuer.status, broken_issuer.body = 200, None
        await cold.validate(token)

    async def test_a_discovery_document_of_another_issuer(
        self, own_issuer: Issuer, caplog: pytest.LogCaptureFixture
    ) -> None:
        """The log names both."""
        for issuer in ("https://elsewhere.example", own_issuer.url + "/", None, [own_issuer.url]):
            document = {"issuer": issuer, "jwks_uri": own_issuer.url + KEYS}
            own_issuer.body = json.dumps(document).encode()
            with pytest.raises(IssuerUnavailableError):
                await validator_of(own_issuer).validate(own_issuer.token("viewer"))
            assert f"the discovery document is of {issuer!r}, not of '{own_issuer.url}'" in caplog.text
        assert KEYS not in own_issuer.requests

    @pytest.mark.parametrize(
        "uri", ["http://elsewhere.example/jwks.json", "file:///etc/passwd", "jwks.json", "", None, 7]
    )
    async def test_a_discovery_document_that_points_to_an_unsafe_place(self, own_issuer: Issuer, uri: object) -> None:
        own_issuer.body = json.dumps({"issuer": own_issuer.url, "jwks_uri": uri}).encode()
        with pytest.raises(IssuerUnavailableError):
            await validator_of(own_issuer).validate(own_issuer.token("viewer"))

    async def test_keys_that_cannot_be_used_are_left_out(self, own_issuer: Issuer) -> None:
        [good] = own_issuer.published
        useless = [None, 7, "key", [], {}, {"kid": "a"}, {"kid": "b", "kty": "RSA"}, {"kid": 7, **good} | {"kid": 7}]
        useless += [good | {"kid": "c", "n": "!"}, good | {"kid": "d", "kty": "XYZ"}, good | {"kid": ["e"]}]
        useless += [{"kid": "f", "kty": "OKP", "crv": "Ed99999", "x": "AA"}, good | {"kid": "g", "alg": "XX999"}]
        own_issuer.published = [*useless, good, *useless]
        await validator_of(own_issuer).validate(own_issuer.token("viewer"))
        own_issuer.published = useless
        with pytest.raises(IssuerUnavailableError):
            await validator_of(own_issuer).validate(own_issuer.token("viewer"))

    async def test_an_empty_set_does_not_remove_the_old_keys(self, own_issuer: Issuer) -> None:
        validator = validator_of(own_issuer, ttl=0, jwks_refresh_pause=NO_PAUSE)
        await validator.validate(own_issuer.token("viewer"))
        own_issuer.published = []
        await validator.validate(own_issuer.token("viewer"))

    async def test_symmetric_keys_and_keys_for_encryption_are_ignored(self, own_issuer: Issuer) -> None:
        secret = b"a secret that everybody can read, as it is published"
        own_issuer.published += [
            {"kty": "oct", "kid": "shared", "alg": "HS256", "k": encoded(secret)},
            {"kty": "oct", "kid": "shared-2", "k": encoded(secret)},
            public_jwk(FOREIGN_KEY, "encryption", use="enc"),
        ]
        validator = validator_of(own_issuer)
        for kid in ("shared", "shared-2"):
            payload = own_issuer.token("admin").split(".")[1]
            token = hmac_signed(lambda _: secret)(own_issuer)
            token = f"{encoded({'alg': 'HS256', 'kid': kid})}.{payload}.{token.split('.')[2]}"
            with pytest.raises(TokenInvalidError):
                await validator.validate(token)
        with pytest.raises(TokenInvalidError, match="unknown key"):
            await validator.validate(own_issuer.token("admin", key=FOREIGN_KEY, headers={"kid": "encryption"}))


class TestOverHttp:
    async def test_an_issuer_that_is_down_and_comes_back(
        self, start_application: Callable[..., FastAPI], own_issuer: Issuer
    ) -> None:
        """Without keys the answer is 503. With keys every token is accepted, even one that was never seen."""
        own_issuer.stop()
        async with client_of(start_application(AUTH_CLIENT__JWKS_TTL_SECONDS="0")) as client:
            call = caller(client)
            token = own_issuer.token("viewer")
            for _ in range(3):
                assert_problem(await call(token), 503, "issuer_unavailable")
            assert (await call(path="/probe/anonymous")).status_code == 200
            assert_problem(await call(), 401, "missing_token")
            own_issuer.start()
            await wait_for_pause()
            assert (await call(token)).status_code == 200
            own_issuer.stop()
            await wait_for_pause()
            assert (await call(token)).status_code == 200
            assert (await call(own_issuer.token("viewer"))).status_code == 200
            assert_problem(await call(own_issuer.token("viewer", headers={"kid": "unknown"})), 401, "invalid_token")

    async def test_a_silent_issuer(self, start_application: Callable[..., FastAPI], own_issuer: Issuer) -> None:
        """No request waits longer than the timeout of one fetch, and no fetch follows at once."""
        own_issuer.silence()
        # On a busy machine the issuer needs a moment to note the request.
        settings = {"AUTH__JWKS_REFRESH_PAUSE": "30", "AUTH__JWKS_TIMEOUT": "1.5"}
        async with client_of(start_application(**settings)) as client:
            started = time.monotonic()
            tokens = [own_issuer.token("viewer") for _ in range(CALLERS)]
            for response in await asyncio.gather(*map(caller(client), tokens)):
                assert_problem(response, 503, "issuer_unavailable")
            assert time.monotonic() - started < CALLERS * 1.5 / 2
            assert len(own_issuer.requests) == 1
        assert AuthSettings().jwks_timeout < 5

    async def test_a_silent_issuer_holds_up_one_request_while_there_are_keys(self, own_issuer: Issuer) -> None:
        validator = validator_of(own_issuer, ttl=0, jwks_refresh_pause=NO_PAUSE, jwks_timeout=10.0)
        await validator.validate(own_issuer.token("viewer"))
        own_issuer.silence()
        waiting = asyncio.create_task(validator.validate(own_issuer.token("viewer")))
        await asyncio.sleep(0.05)
        async with asyncio.timeout(5):
            for _ in range(CALLERS):
                await validator.validate(own_issuer.token("viewer"))
        assert not waiting.done()
        own_issuer.speak()
        await waiting

    async def test_a_request_that_goes_away_leaves_the_fetch_usable(self, own_issuer: Issuer) -> None:
        validator = validator_of(own_issuer)
        own_issuer.silence()
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(0.1):
                await validator.validate(own_issuer.token("viewer"))
        own_issuer.speak()
        await wait_for_pause()
        await validator.validate(own_issuer.token("viewer"))


class TestTransport:
    FOREIGN = ("http://auth:8100", "http://127.0.0.1.example.com", "http://localhost.example.com", "http://10.0.0.1")

    def keys(self, insecure_hosts: tuple[str, ...] = (), **client: object) -> IssuerKeys:
        return IssuerKeys(AuthClientSettings(**client), AuthSettings(insecure_hosts=list(insecure_hosts)))  # type: ignore[arg-type]

    @pytest.mark.parametrize("url", FOREIGN)
    def test_plain_http_to_another_machine_stops_the_start(self, url: str) -> None:
        with pytest.raises(StartupError, match=r"auth_client\.issuer.*AUTH__INSECURE_HOSTS"):
            self.keys(issuer=url)
        with pytest.raises(StartupError, match=r"auth_client\.jwks_endpoint.*AUTH__INSECURE_HOSTS"):
            self.keys(issuer="https://auth.example", jwks_endpoint=url)

    @pytest.mark.parametrize("url", NO_URLS)
    def test_what_is_no_url_stops_the_start(self, url: str) -> None:
        with pytest.raises(StartupError, match=r"auth_client\.issuer: must be a URL"):
            self.keys(issuer=url)
        with pytest.raises(StartupError, match=r"auth_client\.jwks_endpoint"):
            self.keys(issuer="https://auth.example", jwks_endpoint=url)

    @pytest.mark.parametrize("url", ["https://auth.example/realms/a", "http://localhost:8100", "http://[::1]:8100"])
    def test_https_and_this_machine_are_fine(self, url: str) -> None:
        self.keys(issuer=url, jwks_endpoint=url)

    @pytest.mark.parametrize("url", NO_BASES)
    def test_paths_are_appended_to_an_issuer(self, url: str) -> None:
        with pytest.raises(StartupError, match=r"auth_client\.issuer: must be a URL without"):
            self.keys(issuer=url)
        self.keys(issuer=url, jwks_endpoint=url)

    def test_a_setting_names_other_hosts(self) -> None:
        self.keys(("auth",), issuer="http://auth:8100")
        with pytest.raises(StartupError):
            self.keys(("auth",), issuer="http://auth.example:8100")

    def test_it_is_allowed_while_authentication_is_off(self) -> None:
        self.keys(issuer="http://auth:8100", enabled=False)

    async def test_the_start_names_the_setting(self, start_application: Callable[..., FastAPI]) -> None:
        with pytest.raises(StartupError, match=r"auth_client\.issuer: .*insecure_hosts"):
            start_application(AUTH_CLIENT__ISSUER="http://auth:8100")
        start_application(AUTH_CLIENT__ISSUER="http://auth:8100", AUTH__INSECURE_HOSTS='["auth"]')

    @pytest.mark.parametrize("no_proxy", ["", "elsewhere.example"])
    @pytest.mark.parametrize("variable", ["HTTP_PROXY", "http_proxy", "ALL_PROXY", "all_proxy"])
    async def test_plain_http_goes_to_no_proxy(
        self, own_issuer: Issuer, attacker: Issuer, monkeypatch: pytest.MonkeyPatch, variable: str, no_proxy: str
    ) -> None:
        monkeypatch.setenv(variable, attacker.url)
        monkeypatch.setenv("NO_PROXY", no_proxy)
        keys = self.keys(issuer="https://auth.example", jwks_endpoint=own_issuer.url + KEYS)
        assert await keys.get_key(next(iter(own_issuer.keys)))
        assert attacker.requests == []

    @pytest.mark.parametrize("variable", ["HTTP_PROXY", "http_proxy"])
    async def test_plain_http_keys_of_an_https_issuer_go_to_no_proxy(
        self,
        https_issuer: Issuer,
        own_issuer: Issuer,
        attacker: Issuer,
        monkeypatch: pytest.MonkeyPatch,
        variable: str,
    ) -> None:
        """The decision is taken for the address of the keys, not for that of the issuer."""
        monkeypatch.setenv(variable, attacker.url)
        keys = self.keys(issuer=https_issuer.url)
        assert await keys.get_key(next(iter(https_issuer.keys)))
        https_issuer.jwks_uri = own_issuer.url + KEYS
        keys = self.keys(issuer=https_issuer.url)
        assert await keys.get_key(next(iter(own_issuer.keys)))
        https_issuer.jwks_uri = "http://keys.example/jwks.json"
        with pytest.raises(IssuerUnavailableError):
            await self.keys(issuer=https_issuer.url).get_key(next(iter(attacker.keys)))
        with pytest.raises(IssuerUnavailableError):  # allowed, but there is no such host
            await self.keys(("keys.example",), issuer=https_issuer.url).get_key(next(iter(attacker.keys)))
        assert attacker.requests == []

    async def test_a_password_in_the_address_is_sent_but_not_logged(
        self, own_issuer: Issuer, caplog: pytest.LogCaptureFixture
    ) -> None:
        caplog.set_level(logging.DEBUG)
        endpoint = own_issuer.url.replace("//", "//ada:s3cr%40t@") + KEYS
        keys = self.keys(issuer=own_issuer.url, jwks_endpoint=endpoint)
        assert await keys.get_key(next(iter(own_issuer.keys)))
        assert own_issuer.authorizations == ["Basic " + b64encode(b"ada:s3cr@t").decode()]
        own_issuer.status, own_issuer.body = 404, b""
        with pytest.raises(IssuerUnavailableError):
            await self.keys(issuer=own_issuer.url, jwks_endpoint=endpoint).get_key("any")
        assert "404 Not Found" in caplog.text
        assert "s3cr" not in caplog.text

    async def test_a_certificate_must_be_good(
        self, https_issuer: Issuer, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
    ) -> None:
        monkeypatch.delenv("SSL_CERT_FILE")
        with pytest.raises(IssuerUnavailableError):
            await self.keys(issuer=https_issuer.url).get_key("any")
        assert f"cannot fetch the keys of the issuer {https_issuer.url}: ConnectError: " in caplog.text

    @pytest.fixture
    def https_issuer(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Issuer]:
        authority = Authority(tmp_path)
        monkeypatch.setenv("SSL_CERT_FILE", str(authority.file))
        running = Issuer(tls=authority.server_context("127.0.0.1")).start()
        yield running
        running.stop()

    async def test_a_redirect_is_not_followed(self, own_issuer: Issuer, attacker: Issuer) -> None:
        own_issuer.status, own_issuer.body, own_issuer.location = 302, b"", attacker.url + KEYS
        for endpoint in ("", own_issuer.url + KEYS):
            keys = self.keys(issuer=own_issuer.url, jwks_endpoint=endpoint)
            with pytest.raises(IssuerUnavailableError):
                await keys.get_key(next(iter(attacker.keys)))
        assert attacker.requests == []

    @pytest.fixture
    def attacker(self) -> Iterator[Issuer]:
        """A server whose answer to every request is its own keys."""
        running = Issuer().start()
        running.body = json.dumps({"keys": running.published}).encode()
        yield running
        running.stop()
