"""Why a token is refused: the log names the check, what it expected and what it received. The client hears less."""

import json
import logging
import time
from collections.abc import Callable
from typing import Any

import pytest
from pico_client_auth.errors import AuthClientError

from myapp.platform.auth import refusals
from myapp.platform.auth.refusals import Refusals
from myapp.platform.auth.tokens import AccessTokenValidator
from tests.issuer import AUDIENCE, Issuer
from tests.platform.web.problems import assert_problem

from ...fixture_types import Call
from .conftest import validator_of
from .test_tokens import FOREIGN_KEY, Make, kid_of, signed, with_claims, with_header, with_raw_claim, without

Told = Callable[[], list[str]]


@pytest.fixture
def told(caplog: pytest.LogCaptureFixture) -> Told:
    """Return a function that returns the warnings about refused tokens."""

    def warnings() -> list[str]:
        return [
            record.getMessage()
            for record in caplog.records
            if record.name == refusals.__name__ and record.levelno == logging.WARNING
        ]

    return warnings


async def refuse(validator: AccessTokenValidator, token: str) -> str:
    with pytest.raises(AuthClientError) as refused:
        await validator.validate(token)
    return str(refused.value)


CHECKS: dict[str, tuple[Make, str, str, str]] = {
    "audience": (with_claims(aud="other-api"), "aud", f"'{AUDIENCE}'", "'other-api'"),
    "audiences": (with_claims(aud=["a", "b"]), "aud", f"'{AUDIENCE}'", "['a', 'b']"),
    "no audience": (without("aud"), "aud", f"'{AUDIENCE}'", "None"),
    "issuer": (with_claims(iss="https://elsewhere.example"), "iss", "'{issuer}'", "'https://elsewhere.example'"),
    "issuer with a slash": (lambda issuer: issuer.token(iss=issuer.url + "/"), "iss", "'{issuer}'", "'{issuer}/'"),
    "no issuer": (without("iss"), "iss", "a value", "None"),
    "algorithm": (with_header(alg="RS512"), "alg", "'RS256'", "'RS512'"),
    "algorithm none": (with_header(alg="none"), "alg", "'RS256'", "'none'"),
    "symmetric": (with_header(alg="HS256"), "alg", "'RS256'", "'HS256'"),
    "key": (with_header(kid="unknown"), "kid", "'{kid}'", "{{'kid': 'unknown', 'iss': '{issuer}'}}"),
    "signature": (
        lambda issuer: issuer.token(key=FOREIGN_KEY),
        "signature",
        "one of the key '{kid}'",
        "'one of another key or another content'",
    ),
    "no expiry": (without("exp"), "exp", "a value", "None"),
    "expired": (with_claims(exp=1000), "exp", "more than ", "1000"),
    "early": (with_claims(nbf=9_999_999_999), "nbf or iat", "at most ", "{{'nbf': 9999999999, 'iat': "),
    "text as expiry": (with_raw_claim("exp", "99999999999"), "exp", "a number", "'99999999999'"),
    "subject": (with_raw_claim("sub", 7), "sub", "a string", "7"),
    "long subject": (with_claims(sub="x" * 300), "sub", "up to 255 characters that can be stored", "'xxx"),
    "header typ": (with_header(typ="id+jwt"), "header typ", "'at+jwt' or 'jwt' or 'bearer'", "'id+jwt'"),
    "typ": (with_claims(typ="ID"), "typ", "'at+jwt' or 'jwt' or 'bearer'", "'ID'"),
    "token_use": (with_claims(token_use="id"), "token_use", "'access' or 'access_token'", "'id'"),
    "ID token": (with_claims(at_hash="x"), "claims", "no mark of an ID token", "['at_hash']"),
    "event": (with_claims(events={}), "claims", "no mark of an event", "['events']"),
    "jti": (with_raw_claim("jti", 7), "jti", "a string", "7"),
    "opaque": (lambda _: "v2.local.c2VjcmV0", "form", "a signed JWT", "'DecodeError: "),
    "one part": (lambda _: "b3BhcXVlLXNlY3JldA", "form", "a signed JWT", "'DecodeError: Not enough segments'"),
    "critical": (with_header(crit=["x"], x=1), "form", "a signed JWT", "'InvalidTokenError: Unsupported critical"),
}


class TestLog:
    @pytest.mark.parametrize(("make", "check", "expected", "received"), CHECKS.values(), ids=CHECKS.keys())
    async def test_names_the_check_the_expected_and_the_received_value(
        self, issuer: Issuer, told: Told, make: Make, check: str, expected: str, received: str
    ) -> None:
        token = make(issuer)
        await refuse(validator_of(issuer), token)
        [line] = told()
        start, _, rest = line.partition(", received ")
        values = {"issuer": issuer.url, "kid": kid_of(issuer)}
        assert start.startswith(f"token refused by its {check}: expected {expected.format(**values)}")
        assert rest.startswith(received.format(**values))
        for part in token.split("."):
            assert len(part) < 8 or part not in line  # neither the token nor a part of it

    async def test_names_a_revoked_token(self, issuer: Issuer, told: Told, own_issuer: Issuer) -> None:
        own_issuer.body = json.dumps({"items": [{"jti": "stolen"}]}).encode()
        validator = validator_of(issuer, client={"revocation_endpoint": own_issuer.url})
        await refuse(validator, issuer.token(jti="stolen"))
        assert told() == ["token refused by its jti: expected one that is not revoked, received 'stolen'"]

    async def test_names_every_accepted_value(self, issuer: Issuer, told: Told) -> None:
        validator = validator_of(issuer, further_audiences=["b"], further_issuers=["https://b.example"])
        await refuse(validator, issuer.token(aud="c"))
        await refuse(validator, issuer.token(iss="c"))
        assert told() == [
            f"token refused by its aud: expected '{AUDIENCE}' or 'b', received 'c'",
            f"token refused by its iss: expected '{issuer.url}' or 'https://b.example', received 'c'",
        ]

    @pytest.mark.parametrize(
        "value",
        [
            "a\r\n2026-01-01 ERROR forged",
            "\x1b[31mred",
            "\u202eright to left\u2028\u2029\x85",
            "\ud800",
            "x" * 30_000,
            ["y" * 1000] * 30,
            {"z\n": {"\x00": ["\x07"] * 1000}},
        ],
        ids=["lines", "escape", "direction", "surrogate", "long", "list", "object"],
    )
    @pytest.mark.parametrize("claim", ["aud", "iss", "typ", "token_use"])
    async def test_is_one_short_line(self, issuer: Issuer, told: Told, claim: str, value: Any) -> None:
        await refuse(validator_of(issuer), with_raw_claim(claim, value)(issuer))
        [line] = told()
        assert line.isprintable()
        assert len(line) < 500
        assert len(line.partition(", received ")[2]) <= 201

    async def test_header_values_too(self, issuer: Issuer, told: Told) -> None:
        validator = validator_of(issuer)
        for member in ("typ", "kid", "alg"):
            header = {"alg": "RS256", "kid": kid_of(issuer), member: "a\nb" + "x" * 9000}
            await refuse(validator, signed(issuer, header))
        assert len(told()) == 3
        for line in told():
            assert line.isprintable()
            assert len(line) < 500

    async def test_many_keys_are_cut(self, own_issuer: Issuer, told: Told) -> None:
        [key] = own_issuer.published
        own_issuer.published = [key | {"kid": f"key-{number}"} for number in range(400)]
        await refuse(validator_of(own_issuer), own_issuer.token())
        [line] = told()
        assert len(line) < 500


class TestPause:
    async def test_a_check_warns_once_and_each_check_by_itself(
        self, issuer: Issuer, told: Told, caplog: pytest.LogCaptureFixture
    ) -> None:
        caplog.set_level(logging.DEBUG, refusals.__name__)
        validator = validator_of(issuer)
        for number in range(10):
            await refuse(validator, issuer.token(aud=f"other-{number}"))
            await refuse(validator, issuer.token(iss=f"https://elsewhere-{number}.example"))
        assert len(told()) == 2
        assert "other-0" in told()[0]
        debug = [record.getMessage() for record in caplog.records if record.levelno == logging.DEBUG]
        assert sum("token refused by its aud" in line for line in debug) == 9

    def test_it_warns_again_after_a_minute(self, monkeypatch: pytest.MonkeyPatch, told: Told) -> None:
        told_by, now = Refusals(), time.monotonic()
        for seconds, count in ((0, 1), (59, 1), (60, 2), (119, 2), (121, 3)):
            monkeypatch.setattr(refusals.time, "monotonic", lambda at=now + seconds: at)
            told_by.tell("aud", ["a"], "b")
            assert len(told()) == count

    async def test_a_good_token_tells_nothing(self, issuer: Issuer, told: Told) -> None:
        await validator_of(issuer).validate(issuer.token("admin"))
        assert told() == []


class TestClient:
    @pytest.mark.parametrize(
        ("claims", "detail"),
        [
            ({"aud": "other-api"}, "The token is not valid."),
            ({"iss": "https://elsewhere.example"}, "The token is not valid."),
            ({"token_use": "id"}, "The token is not an access token."),
            ({"exp": 1000}, "The token has expired."),
        ],
    )
    async def test_hears_neither_the_expected_nor_the_received_value(
        self, call: Call, issuer: Issuer, claims: dict[str, Any], detail: str
    ) -> None:
        response = await call(issuer.token("admin", **claims))
        assert assert_problem(response, 401, "invalid_token")["detail"] == detail
        assert response.headers["www-authenticate"] == 'Bearer realm="products-api", error="invalid_token"'
        for value in (issuer.url, *map(str, claims.values())):
            assert f'"{value}"' not in response.text
