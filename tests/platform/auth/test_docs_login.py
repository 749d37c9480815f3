"""The login of /docs: how it follows from the issuer's discovery document, and what works without one."""

import asyncio
import json
import time
from typing import Any

import pytest
from pico_client_auth.config import AuthClientSettings

from myapp.platform.auth.issuer_login import IssuerLogin
from myapp.platform.auth.settings import AuthSettings, DocsSettings
from myapp.platform.errors import StartupError
from tests.issuer import AUDIENCE, DISCOVERY, Issuer

PASSWORD_GRANT = {"grant_types_supported": ["password"], "token_endpoint_auth_methods_supported": ["none"]}
OKTA = {
    "grant_types_supported": ["authorization_code", "implicit", "refresh_token", "password"],
    "token_endpoint_auth_methods_supported": ["client_secret_basic", "client_secret_post", "private_key_jwt", "none"],
}
CLIENT = DocsSettings(client_id="docs")


def login_at(issuer: Issuer, docs: DocsSettings | None = None, *, ttl: int = 300, **auth: Any) -> IssuerLogin:
    client = AuthClientSettings(issuer=issuer.url, audience=AUDIENCE, jwks_ttl_seconds=ttl)
    return IssuerLogin(client, AuthSettings(**{"jwks_refresh_pause": 0.01} | auth), docs or DocsSettings())


def describe(issuer: Issuer, *, has_login_page: bool = True, **members: Any) -> None:
    """Make the issuer's discovery document say ``members``."""
    endpoints = {"token_endpoint": f"{issuer.url}/token"}
    if has_login_page:
        endpoints["authorization_endpoint"] = f"{issuer.url}/authorize"
    issuer.body = json.dumps({"issuer": issuer.url, **endpoints, **members}).encode()


class TestPassword:
    async def test_an_issuer_that_takes_passwords_without_a_client(self, own_issuer: Issuer) -> None:
        describe(own_issuer, has_login_page=False, **PASSWORD_GRANT)
        login = await login_at(own_issuer).swagger("localhost")
        assert login is not None
        assert login.scheme["flows"] == {"password": {"tokenUrl": f"{own_issuer.url}/token", "scopes": {}}}
        assert login.token_origin == own_issuer.url
        assert login.options == {}

    @pytest.mark.parametrize(
        "members",
        [
            {},
            PASSWORD_GRANT | {"grant_types_supported": ["authorization_code"]},
            PASSWORD_GRANT | {"token_endpoint_auth_methods_supported": ["client_secret_basic"]},
        ],
    )
    async def test_another_one_is_asked_for_none(self, own_issuer: Issuer, members: dict[str, Any]) -> None:
        describe(own_issuer, has_login_page=False, **members)
        assert await login_at(own_issuer).swagger("localhost") is None

    async def test_one_with_a_login_page_is_asked_for_none(self, own_issuer: Issuer) -> None:
        describe(own_issuer, **OKTA)
        assert await login_at(own_issuer).swagger("localhost") is None


class TestCode:
    async def test_a_client_id_makes_it_the_issuers_page(self, own_issuer: Issuer) -> None:
        describe(own_issuer, token_endpoint="https://tokens.example.com:8443/t", **PASSWORD_GRANT)
        login = await login_at(own_issuer, DocsSettings(client_id="docs", scopes=["openid", "api"])).swagger(
            "127.0.0.1"
        )
        assert login is not None
        assert login.scheme["flows"] == {
            "authorizationCode": {
                "authorizationUrl": f"{own_issuer.url}/authorize",
                "tokenUrl": "https://tokens.example.com:8443/t",
                "scopes": {"openid": "", "api": ""},
            }
        }
        assert login.options["clientId"] == "docs"
        assert login.options["usePkceWithAuthorizationCodeGrant"] is True
        assert login.token_origin == "https://tokens.example.com:8443"

    @pytest.mark.parametrize("name", ["token_endpoint", "authorization_endpoint"])
    @pytest.mark.parametrize(
        "endpoint",
        [
            "http://elsewhere.example/t",
            "https://例え.example/t",
            "https://a.example; script-src */t",
            "javascript:alert(1)",
            "/token",
            "",
            None,
            7,
        ],
    )
    async def test_no_secret_goes_to_an_unsafe_place(self, own_issuer: Issuer, name: str, endpoint: object) -> None:
        describe(own_issuer, **{name: endpoint})
        assert await login_at(own_issuer, CLIENT).swagger("localhost") is None

    async def test_an_issuer_without_a_login_page_is_named_as_the_mistake(
        self, own_issuer: Issuer, caplog: pytest.LogCaptureFixture
    ) -> None:
        describe(own_issuer, has_login_page=False, **PASSWORD_GRANT)
        assert await login_at(own_issuer, CLIENT).swagger("localhost") is None
        assert "the issuer has no login page; leave docs.client_id empty" in caplog.text

    def test_it_needs_an_issuer_that_describes_itself(self) -> None:
        client = AuthClientSettings(issuer="https://a.example", jwks_endpoint="https://a.example/keys")
        with pytest.raises(StartupError, match="DOCS__CLIENT_ID"):
            IssuerLogin(client, AuthSettings(), CLIENT)


class TestLoopback:
    """The browser of another machine would send a password or a code to itself."""

    @pytest.mark.parametrize("docs", [DocsSettings(), CLIENT])
    @pytest.mark.parametrize(
        ("page_host", "has_login"),
        [("127.0.0.1", True), ("localhost", True), ("::1", True), ("products.example", False), (None, False)],
    )
    async def test_only_a_page_of_this_machine_logs_in_there(
        self, own_issuer: Issuer, docs: DocsSettings, page_host: str | None, has_login: bool
    ) -> None:
        describe(own_issuer, has_login_page=bool(docs.client_id), **PASSWORD_GRANT)
        assert (await login_at(own_issuer, docs).swagger(page_host) is not None) == has_login

    async def test_every_page_logs_in_at_another_host(self, own_issuer: Issuer) -> None:
        describe(own_issuer, has_login_page=False, **PASSWORD_GRANT | {"token_endpoint": "https://login.example/token"})
        assert await login_at(own_issuer).swagger("products.example") is not None


class TestIssuerDown:
    async def test_there_is_a_login_as_soon_as_it_answers_and_it_stays(self, own_issuer: Issuer) -> None:
        describe(own_issuer, has_login_page=False, **PASSWORD_GRANT)
        own_issuer.stop()
        login = login_at(own_issuer, ttl=0)
        assert await login.swagger("localhost") is None
        own_issuer.start()
        await asyncio.sleep(0.02)
        found = await login.swagger("localhost")
        assert found is not None
        own_issuer.stop()
        assert await login.swagger("localhost") == found

    async def test_a_silent_one_holds_the_page_up_for_a_bounded_time(self, own_issuer: Issuer) -> None:
        own_issuer.silence()
        login = login_at(own_issuer, jwks_timeout=0.2, jwks_refresh_pause=30)
        started = time.monotonic()
        assert await login.swagger("localhost") is None
        assert await login.swagger("localhost") is None
        own_issuer.speak()
        assert time.monotonic() - started < 2
        assert own_issuer.requests == [DISCOVERY]

    async def test_it_is_asked_once_for_any_number_of_pages(self, own_issuer: Issuer) -> None:
        describe(own_issuer, has_login_page=False, **PASSWORD_GRANT)
        login = login_at(own_issuer)
        for _ in range(3):
            await login.swagger("localhost")
        assert own_issuer.requests == [DISCOVERY]

    @pytest.mark.parametrize("body", [b"", b"[]", b"{}", b"null", b'{"issuer": "https://elsewhere.example"}'])
    async def test_a_document_that_is_none(self, own_issuer: Issuer, body: bytes) -> None:
        own_issuer.body = body
        assert await login_at(own_issuer).swagger("localhost") is None


def test_without_a_discovery_document_a_token_is_pasted() -> None:
    client = AuthClientSettings(issuer="https://a.example", jwks_endpoint="https://a.example/keys")
    assert set(IssuerLogin(client, AuthSettings(), DocsSettings()).schemes) == {"bearer"}
