"""The issuer's list of revoked tokens, if one is configured."""

import asyncio
import json
from collections.abc import Iterator

import pytest
from pico_client_auth.config import AuthClientSettings
from pico_client_auth.errors import TokenInvalidError

from myapp.platform.auth.revocations import RevokedTokens
from myapp.platform.auth.settings import AuthSettings
from myapp.platform.auth.tokens import AccessTokenValidator
from myapp.platform.errors import StartupError
from tests.issuer import Issuer

from .conftest import validator_of


@pytest.fixture
def revocations() -> Iterator[Issuer]:
    """A server that answers every request with the list."""
    server = Issuer().start()
    revoke(server)
    yield server
    server.stop()


def revoke(server: Issuer, *ids: str) -> None:
    server.body = json.dumps({"items": [{"jti": jti} for jti in ids]}).encode()


def validator(issuer: Issuer, revocations: Issuer, **client: object) -> AccessTokenValidator:
    endpoint = f"{revocations.url}/revoked"
    return validator_of(issuer, client={"revocation_endpoint": endpoint, "revocation_ttl_seconds": 60} | client)


class TestRevocation:
    async def test_a_listed_token_is_refused_and_the_others_are_not(self, issuer: Issuer, revocations: Issuer) -> None:
        revoke(revocations, "stolen")
        checked = validator(issuer, revocations)
        await checked.validate(issuer.token("admin"))
        await checked.validate(issuer.token("admin", without=("jti",)))
        for _ in range(2):
            with pytest.raises(TokenInvalidError, match="revoked"):
                await checked.validate(issuer.token("admin", jti="stolen"))
        assert revocations.requests == ["/revoked"]

    async def test_a_remembered_token_is_refused_too(self, issuer: Issuer, revocations: Issuer) -> None:
        checked = validator(issuer, revocations, revocation_ttl_seconds=1)
        token = issuer.token("admin", jti="stolen")
        await checked.validate(token)
        revoke(revocations, "stolen")
        await asyncio.sleep(1.05)
        with pytest.raises(TokenInvalidError, match="revoked"):
            await checked.validate(token)

    async def test_every_token_is_refused_while_the_list_cannot_be_fetched(
        self, issuer: Issuer, revocations: Issuer
    ) -> None:
        revocations.stop()
        with pytest.raises(TokenInvalidError):
            await validator(issuer, revocations).validate(issuer.token("admin"))
        for body in (
            b"",
            b"<html>",
            b"null",
            b"[]",
            b'{"items": 7}',
            b'{"items": ["stolen"]}',
            b'{"items": {"jti": 1}}',
        ):
            revocations = Issuer().start()
            revocations.body = body
            checked = validator(issuer, revocations)
            for _ in range(3):
                with pytest.raises(TokenInvalidError, match="revoked"):
                    await checked.validate(issuer.token("admin"))
            assert len(revocations.requests) == 1
            revocations.stop()

    async def test_a_setting_accepts_tokens_without_the_list(self, issuer: Issuer, revocations: Issuer) -> None:
        revocations.stop()
        await validator(issuer, revocations, revocation_fail_open=True).validate(issuer.token("admin"))

    async def test_twenty_callers_share_one_fetch(self, issuer: Issuer, revocations: Issuer) -> None:
        checked = validator(issuer, revocations)
        await asyncio.gather(*(checked.validate(issuer.token("viewer")) for _ in range(20)))
        assert len(revocations.requests) == 1

    async def test_no_redirect_is_followed(self, issuer: Issuer, revocations: Issuer, own_issuer: Issuer) -> None:
        revoke(own_issuer)
        revocations.status, revocations.body, revocations.location = 302, b"", own_issuer.url
        with pytest.raises(TokenInvalidError, match="revoked"):
            await validator(issuer, revocations).validate(issuer.token("admin"))
        assert own_issuer.requests == []

    @pytest.mark.parametrize("variable", ["HTTP_PROXY", "http_proxy", "ALL_PROXY", "all_proxy"])
    async def test_plain_http_goes_to_no_proxy(
        self, issuer: Issuer, revocations: Issuer, own_issuer: Issuer, monkeypatch: pytest.MonkeyPatch, variable: str
    ) -> None:
        """A proxy could send an empty list, and would see the bearer token."""
        revoke(own_issuer)
        revoke(revocations, "stolen")
        monkeypatch.setenv(variable, own_issuer.url)
        with pytest.raises(TokenInvalidError, match="revoked"):
            await validator(issuer, revocations, revocation_bearer="s3cret").validate(
                issuer.token("admin", jti="stolen")
            )
        assert own_issuer.requests == []
        assert revocations.authorizations == ["Bearer s3cret"]

    async def test_it_can_be_fetched_again_at_once(self, issuer: Issuer, revocations: Issuer) -> None:
        settings = AuthClientSettings(issuer=issuer.url, revocation_endpoint=revocations.url)
        revoked = RevokedTokens(settings, AuthSettings())
        assert revoked.enabled
        assert not await revoked.is_revoked("stolen")
        revoke(revocations, "stolen")
        assert not await revoked.is_revoked("stolen")
        await revoked.force_refresh()
        assert await revoked.is_revoked("stolen")

    @pytest.mark.parametrize("url", ["http://revocations.example", "ftp://a.example", "https://[", "revoked"])
    def test_an_unsafe_address_stops_the_start(self, issuer: Issuer, url: str) -> None:
        with pytest.raises(StartupError, match=r"auth_client\.revocation_endpoint: must be"):
            validator_of(issuer, client={"revocation_endpoint": url})

    def test_a_setting_allows_plain_http_to_a_host(self, issuer: Issuer) -> None:
        client = {"revocation_endpoint": "http://revocations.example"}
        validator_of(issuer, client=client, insecure_hosts=["revocations.example"])
