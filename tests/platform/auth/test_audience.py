"""Which claims name the audience, which audiences and which issuers are accepted."""

from typing import Any

import pytest
from pico_client_auth.errors import TokenInvalidError
from pico_ioc.exceptions import ConfigurationError

from myapp.platform.errors import StartupError
from tests.issuer import AUDIENCE, Issuer

from ...fixture_types import StartContainer
from .conftest import validator_of


async def accepts(issuer: Issuer, claims: dict[str, Any], **auth: Any) -> bool:
    """Return whether a token with ``claims`` and no other audience is accepted, with these settings of ``auth``."""
    without = () if "aud" in claims else ("aud",)
    try:
        await validator_of(issuer, **auth).validate(issuer.token("viewer", without=without, **claims))
    except TokenInvalidError:
        return False
    return True


class TestClaims:
    @pytest.mark.parametrize(
        ("claims", "by_aud", "by_client_id", "by_both"),
        [
            ({"aud": AUDIENCE}, True, False, True),
            ({"client_id": AUDIENCE}, False, True, True),
            ({"aud": AUDIENCE, "client_id": "other"}, True, False, True),
            ({"aud": "other", "client_id": AUDIENCE}, False, True, False),
            ({"aud": [], "client_id": AUDIENCE}, False, True, False),
            ({"azp": AUDIENCE, "cid": AUDIENCE, "appid": AUDIENCE}, False, False, False),
            ({"client_id": [AUDIENCE]}, False, True, True),
            ({"client_id": {AUDIENCE: 1}}, False, False, False),
            ({"client_id": [AUDIENCE, 7]}, False, False, False),
            ({"client_id": ""}, False, False, False),
            ({"client_id": 7}, False, False, False),
            ({}, False, False, False),
        ],
    )
    async def test_the_first_that_a_token_has_decides(
        self, issuer: Issuer, claims: dict[str, Any], by_aud: bool, by_client_id: bool, by_both: bool
    ) -> None:
        assert await accepts(issuer, claims) == by_aud
        assert await accepts(issuer, claims, audience_claims=["client_id"]) == by_client_id
        assert await accepts(issuer, claims, audience_claims=["aud", "client_id"]) == by_both


class TestAudiences:
    FURTHER = ("api://6e74172b-be56-4843-9ff4-e66a39bb12e3", "6e74172b-be56-4843-9ff4-e66a39bb12e3")

    @pytest.mark.parametrize("audience", [AUDIENCE, *FURTHER])
    async def test_each_is_accepted(self, issuer: Issuer, audience: str) -> None:
        assert await accepts(issuer, {"aud": audience}, further_audiences=list(self.FURTHER))
        assert await accepts(issuer, {"aud": ["other", audience]}, further_audiences=list(self.FURTHER))
        assert await accepts(issuer, {"aud": audience}) == (audience == AUDIENCE)

    @pytest.mark.parametrize("audience", ["other", "", "api://", FURTHER[0] + "/", FURTHER[1].upper(), [], [""]])
    async def test_no_other_is(self, issuer: Issuer, audience: object) -> None:
        assert not await accepts(issuer, {"aud": audience}, further_audiences=list(self.FURTHER))

    async def test_each_may_be_in_another_claim(self, issuer: Issuer) -> None:
        settings = {"audience_claims": ["client_id"], "further_audiences": ["mobile"]}
        assert await accepts(issuer, {"client_id": "mobile"}, **settings)
        assert not await accepts(issuer, {"client_id": "tv"}, **settings)


class TestIssuers:
    V1 = "https://sts.windows.net/72f988bf-86f1-41af-91ab-2d7cd011db47/"

    async def test_each_is_accepted_with_the_same_keys(self, issuer: Issuer) -> None:
        for iss, expected in ((self.V1, True), (issuer.url, True), (self.V1[:-1], False), ("", False)):
            assert await accepts(issuer, {"iss": iss, "aud": AUDIENCE}, further_issuers=[self.V1]) == expected
        assert not await accepts(issuer, {"iss": self.V1, "aud": AUDIENCE})


class TestSettings:
    @pytest.mark.parametrize(
        ("name", "value", "message"),
        [
            ("AUTH__ROLE_CLAIMS", '["roles", ""]', r"auth\.role_claims\.1 .*must not be empty"),
            ("AUTH__ROLE_CLAIMS", '[" "]', r"auth\.role_claims\.0 .*must not be empty"),
            ("AUTH__ROLE_CLAIMS", '["roles", 7]', r"auth\.role_claims\.1 "),
            ("AUTH__AUDIENCE_CLAIMS", "[]", r"auth\.audience_claims \(AUTH__AUDIENCE_CLAIMS\): "),
            ("AUTH__AUDIENCE_CLAIMS", '[""]', r"auth\.audience_claims\.0 .*must not be empty"),
            ("AUTH__FURTHER_AUDIENCES", '[""]', r"auth\.further_audiences\.0 .*must not be empty"),
            ("AUTH__FURTHER_ISSUERS", '[" "]', r"auth\.further_issuers\.0 .*must not be empty"),
            ("AUTH__INSECURE_HOSTS", '["http://auth"]', r"auth\.insecure_hosts\.0 .*must be a host name"),
            ("AUTH__INSECURE_HOSTS", '["auth:8100"]', r"auth\.insecure_hosts\.0 .*must be a host name"),
            ("AUTH_CLIENT__ISSUER", "https://[", r"auth_client\.issuer: must be a URL"),
            ("AUTH_CLIENT__JWKS_ENDPOINT", "https://auth.example:x/keys", r"auth_client\.jwks_endpoint: must be a URL"),
            (
                "AUTH_CLIENT__REVOCATION_ENDPOINT",
                "http://a.example",
                r"auth_client\.revocation_endpoint: must be https",
            ),
            ("AUTH_CLIENT__ACCEPTED_ALGORITHMS", '["RS256", "HS256"]', r"auth_client\.accepted_algorithms.*Ed25519"),
        ],
    )
    def test_a_wrong_one_stops_the_start(
        self, start: StartContainer, empty_database: str, name: str, value: str, message: str
    ) -> None:
        with pytest.raises((StartupError, ConfigurationError), match=message) as stopped:
            start({"DATABASE__URL": empty_database, name: value})
        assert "\n" not in str(stopped.value)

    def test_repetitions_and_capitals_are_fine(self, start: StartContainer, empty_database: str) -> None:
        start(
            {
                "DATABASE__URL": empty_database,
                "AUTH__ROLE_CLAIMS": '["roles", "roles", "https://shop.example.com/roles"]',
                "AUTH__AUDIENCE_CLAIMS": '["aud", "aud"]',
                "AUTH__FURTHER_AUDIENCES": f'["{AUDIENCE}", "{AUDIENCE}"]',
                "AUTH_CLIENT__ACCEPTED_ALGORITHMS": '["Ed25519", "EdDSA", "Ed25519"]',
                "AUTH_CLIENT__ISSUER": "http://AUTH:8100",
                "AUTH__INSECURE_HOSTS": '["Auth", "[::2]"]',
            }
        )
