"""The issuer's list of revoked tokens, if one is configured."""

import asyncio
import json
from collections.abc import Iterator

import pytest
from pico_client_auth.errors import TokenInvalidError

from myapp.platform.auth.tokens import AccessTokenValidator
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
        for body in (b"", b"<html>", b"null", b"[]"):
            revocations = Issuer().start()
            revocations.body = body
            with pytest.raises(TokenInvalidError):
                await validator(issuer, revocations).validate(issuer.token("admin"))
            revocations.stop()

    async def test_a_setting_accepts_tokens_without_the_list(self, issuer: Issuer, revocations: Issuer) -> None:
        revocations.stop()
        await validator(issuer, revocations, revocation_fail_open=True).validate(issuer.token("admin"))

    async def test_twenty_callers_share_one_fetch(self, issuer: Issuer, revocations: Issuer) -> None:
        checked = validator(issuer, revocations)
        await asyncio.gather(*(checked.validate(issuer.token("viewer")) for _ in range(20)))
        assert len(revocations.requests) == 1
