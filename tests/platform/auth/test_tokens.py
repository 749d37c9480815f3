"""Accepted and refused tokens (RFC 8725, RFC 9068, RFC 6750). A bad token is always a 401, never a 500."""

import asyncio
import base64
import hashlib
import hmac
import json
import time
from collections.abc import Callable
from typing import Any

import jwt
import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from fastapi import FastAPI

from myapp.platform.errors import StartupError
from tests.issuer import AUDIENCE, Issuer, public_jwk
from tests.platform.web.problems import assert_problem

from ...fixture_types import Call
from .conftest import validator_of

FOREIGN_KEY = rsa.generate_private_key(public_exponent=65537, key_size=2048)
ELLIPTIC_KEY = ec.generate_private_key(ec.SECP256R1())

Make = Callable[[Issuer], str]


def encoded(part: Any) -> str:
    raw = part if isinstance(part, bytes) else json.dumps(part).encode()
    return base64.urlsafe_b64encode(raw).rstrip(b"=").decode()


def parts(token: str) -> list[str]:
    return token.split(".")


def kid_of(issuer: Issuer) -> str:
    return next(reversed(issuer.keys))


def signed(issuer: Issuer, header: Any, payload: Any = None, *, key: Any = None) -> str:
    """Return a token with a valid signature, even if its content is not valid."""
    if payload is None:
        payload = jwt.decode(issuer.token("admin"), options={"verify_signature": False})
    message = f"{encoded(header)}.{encoded(payload)}"
    signature = jwt.algorithms.RSAAlgorithm(jwt.algorithms.RSAAlgorithm.SHA256).sign(
        message.encode(), key or issuer.keys[kid_of(issuer)]
    )
    return f"{message}.{encoded(signature)}"


def nested(depth: int) -> Any:
    value: Any = "a"
    for _ in range(depth):
        value = [value]
    return value


def with_header(**members: Any) -> Make:
    return lambda issuer: signed(issuer, {"alg": "RS256", "typ": "JWT", "kid": kid_of(issuer), **members})


def with_claims(**claims: Any) -> Make:
    return lambda issuer: issuer.token("admin", **claims)


def with_raw_claim(name: str, value: Any) -> Make:
    """Set a claim to a value that PyJWT refuses to encode."""

    def make(issuer: Issuer) -> str:
        payload = jwt.decode(issuer.token("admin"), options={"verify_signature": False})
        return signed(issuer, {"alg": "RS256", "kid": kid_of(issuer)}, payload | {name: value})

    return make


def without(*names: str) -> Make:
    return lambda issuer: issuer.token("admin", without=names)


def seconds_from_now(name: str, seconds: int) -> Make:
    return lambda issuer: issuer.token("admin", **{name: int(time.time()) + seconds})


def hmac_signed(secret_of: Callable[[Issuer], bytes], algorithm: str = "HS256") -> Make:
    """Algorithm confusion (RFC 8725 §2.1): the public key is used as a shared secret."""

    def make(issuer: Issuer) -> str:
        payload = parts(issuer.token("admin"))[1]
        message = f"{encoded({'alg': algorithm, 'typ': 'JWT', 'kid': kid_of(issuer)})}.{payload}"
        return f"{message}.{encoded(hmac.digest(secret_of(issuer), message.encode(), hashlib.sha256))}"

    return make


def public_pem(issuer: Issuer) -> bytes:
    public = issuer.keys[kid_of(issuer)].public_key()
    return public.public_bytes(serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo)


def with_foreign_key(**members: Any) -> Make:
    """Sign with a foreign key that the token's own header names (RFC 8725 §3.10)."""
    return lambda issuer: signed(issuer, {"alg": "RS256", "kid": kid_of(issuer), **members}, key=FOREIGN_KEY)


def changed(edit: Callable[[list[str]], list[str]]) -> Make:
    return lambda issuer: ".".join(edit(parts(issuer.token("admin"))))


BAD_TOKENS: dict[str, Make] = {
    # algorithms
    "alg none": lambda issuer: f"{encoded({'alg': 'none', 'kid': kid_of(issuer)})}.{parts(issuer.token())[1]}.",
    "alg none, still signed": with_header(alg="none"),
    "alg nOnE": with_header(alg="nOnE"),
    "HS256 with the public key": hmac_signed(public_pem),
    "HS256 with the published key": hmac_signed(lambda issuer: json.dumps(issuer.published[-1]).encode()),
    "HS256 with nothing": hmac_signed(lambda _: b""),
    "RS256 said, HMAC done": hmac_signed(public_pem, "RS256"),
    "RS512": lambda issuer: issuer.token("admin", algorithm="RS512"),
    "PS256": lambda issuer: issuer.token("admin", algorithm="PS256"),
    "ES256": lambda issuer: issuer.token("admin", key=ELLIPTIC_KEY, algorithm="ES256"),
    "ML-DSA-65": with_header(alg="ML-DSA-65"),
    "alg missing": lambda issuer: signed(issuer, {"kid": kid_of(issuer)}),
    "alg a number": with_header(alg=256),
    "alg a list": with_header(alg=["RS256"]),
    "alg an object": with_header(alg={"RS256": 1}),
    "alg null": with_header(alg=None),
    # keys
    "signed with another key": lambda issuer: issuer.token("admin", key=FOREIGN_KEY),
    "unknown kid": lambda issuer: issuer.token("admin", headers={"kid": "unknown"}),
    "unknown kid and key": lambda issuer: issuer.token("admin", key=FOREIGN_KEY, headers={"kid": "unknown"}),
    "kid missing, signed with another key": lambda issuer: signed(issuer, {"alg": "RS256"}, key=FOREIGN_KEY),
    "kid empty": with_header(kid=""),
    "kid a list": lambda issuer: signed(issuer, {"alg": "RS256", "kid": [kid_of(issuer)]}),
    "kid a number": with_header(kid=1),
    "kid null": with_header(kid=None),
    "kid an object": with_header(kid={}),
    "kid a path": with_header(kid="../../../../dev/null"),
    "kid SQL": with_header(kid="' OR 1=1 --"),
    "kid huge": with_header(kid="k" * 100_000),
    "jwk": with_foreign_key(jwk=public_jwk(FOREIGN_KEY, "mine")),
    "jwk with its kid": with_foreign_key(jwk=public_jwk(FOREIGN_KEY, "mine"), kid="mine"),
    "jku": with_foreign_key(jku="http://127.0.0.1:9/jwks.json"),
    "x5u": with_foreign_key(x5u="http://127.0.0.1:9/cert.pem"),
    "x5c": with_foreign_key(x5c=["MIIB"]),
    # extensions that must be understood (RFC 7515 §4.1.11)
    "crit unknown": with_header(crit=["policy"], policy="strict"),
    "crit exp": with_header(crit=["exp"], exp=1),
    "crit empty": with_header(crit=[]),
    "crit a string": with_header(crit="b64"),
    "b64 false": with_header(crit=["b64"], b64=False),
    # kinds of token
    "refresh token by typ": with_header(typ="refresh+jwt"),
    "id token by typ": with_header(typ="id+jwt"),
    "logout token by typ": with_header(typ="logout+jwt"),
    "DPoP proof by typ": with_header(typ="dpop+jwt"),
    "typ a number": with_header(typ=1),
    "typ a list": with_header(typ=["JWT"]),
    "typ an object": with_header(typ={}),
    "Keycloak's refresh token": with_claims(typ="Refresh"),
    "Keycloak's offline token": with_claims(typ="Offline"),
    "Keycloak's ID token": with_claims(typ="ID"),
    "Keycloak's logout token": with_claims(typ="Logout"),
    "payload typ a list": with_claims(typ=["Bearer"]),
    "event by typ": with_header(typ="secevent+jwt"),
    "id token by another typ": with_header(typ="application/id_token+jwt"),
    "Okta's token for itself": with_header(typ="application/okta-internal-at+jwt"),
    "Cognito's ID token": with_claims(token_use="id"),
    "Cognito's refresh token": with_claims(token_use="refresh"),
    "token_use a list": with_claims(token_use=["access"]),
    "ID token with nonce": with_claims(nonce="n-0S6_WzA2Mj", at_hash="77QmUPtjPfzWtF2AnpK9RQ"),
    "ID token without nonce": with_claims(at_hash="77QmUPtjPfzWtF2AnpK9RQ"),
    "ID token of a code": with_claims(nonce="n-0S6_WzA2Mj", c_hash="LDktKdoQak3Pk0cnXxCltA"),
    "ID token with a hash of nothing": with_claims(at_hash=None),
    "logout token": with_claims(events={"http://schemas.openid.net/event/backchannel-logout": {}}),
    "event": with_claims(events={}),
    # claims
    "iss of another": with_claims(iss="https://elsewhere.example"),
    "iss with a trailing slash": lambda issuer: issuer.token("admin", iss=issuer.url + "/"),
    "iss a list": lambda issuer: with_raw_claim("iss", [issuer.url])(issuer),
    "iss null": with_raw_claim("iss", None),
    "iss a number": with_raw_claim("iss", 1),
    "iss missing": without("iss"),
    "aud of another": with_claims(aud="other-api"),
    "aud a longer name": with_claims(aud=AUDIENCE + "-admin"),
    "aud a shorter name": with_claims(aud=AUDIENCE[:-1]),
    "aud without ours": with_claims(aud=["other-api", "account"]),
    "aud an empty list": with_claims(aud=[]),
    "aud with a number": with_claims(aud=[1, AUDIENCE]),
    "aud an object": with_raw_claim("aud", {AUDIENCE: 1}),
    "aud null": with_raw_claim("aud", None),
    "aud missing": without("aud"),
    "exp past the leeway": seconds_from_now("exp", -40),
    "exp long ago": with_claims(exp=0),
    "exp negative": with_claims(exp=-1),
    "exp missing": without("exp"),
    "exp null": with_raw_claim("exp", None),
    "exp text": with_raw_claim("exp", "tomorrow"),
    "exp digits as text": with_raw_claim("exp", "99999999999"),
    "exp a boolean": with_raw_claim("exp", True),
    "exp infinite": with_raw_claim("exp", float("inf")),
    "exp not a number": with_raw_claim("exp", float("nan")),
    "exp a list": with_raw_claim("exp", [99999999999]),
    "exp an object": with_raw_claim("exp", {}),
    "nbf past the leeway": seconds_from_now("nbf", 40),
    "nbf text": with_raw_claim("nbf", "now"),
    "nbf infinite": with_raw_claim("nbf", float("inf")),
    "iat in the future": seconds_from_now("iat", 40),
    "iat text": with_raw_claim("iat", "now"),
    "sub missing": without("sub"),
    "sub null": with_raw_claim("sub", None),
    "sub empty": with_claims(sub=""),
    "sub of 256 characters": with_claims(sub="x" * 256),
    "sub with NUL": with_claims(sub="ad\x00a"),
    "sub with half a surrogate pair": with_raw_claim("sub", "ada\ud800"),
    "sub a number": with_raw_claim("sub", 1),
    "sub an object": with_raw_claim("sub", {"id": 1}),
    "jti a number": with_raw_claim("jti", 1),
    "aud nested": with_raw_claim("aud", nested(300)),
    "iss nested": with_raw_claim("iss", nested(300)),
    "typ nested": with_raw_claim("typ", nested(300)),
    # form
    "header a list": lambda issuer: signed(issuer, ["RS256"]),
    "header a string": lambda issuer: signed(issuer, "RS256"),
    "header null": lambda issuer: signed(issuer, b"null"),
    "header not JSON": lambda issuer: signed(issuer, b"{"),
    "header not UTF-8": lambda issuer: signed(issuer, b'{"alg": "\xff"}'),
    "header nested deeply": lambda issuer: signed(issuer, b'{"alg":' + b"[" * 200_000),
    "payload a list": lambda issuer: signed(issuer, {"alg": "RS256", "kid": kid_of(issuer)}, ["admin"]),
    "payload a string": lambda issuer: signed(issuer, {"alg": "RS256", "kid": kid_of(issuer)}, "admin"),
    "payload null": lambda issuer: signed(issuer, {"alg": "RS256", "kid": kid_of(issuer)}, b"null"),
    "payload not JSON": lambda issuer: signed(issuer, {"alg": "RS256", "kid": kid_of(issuer)}, b"admin"),
    "payload nested deeply": lambda issuer: signed(
        issuer, {"alg": "RS256", "kid": kid_of(issuer)}, b'{"sub":' + b"[" * 200_000
    ),
    "payload changed": changed(lambda three: [three[0], encoded({"sub": "admin-1"}), three[2]]),
    "header changed": changed(lambda three: [encoded({"alg": "RS256"}), *three[1:]]),
    "signature changed": changed(lambda three: [*three[:2], three[2][:-8] + "AAAAAAAA"]),
    "signature missing": changed(lambda three: [*three[:2], ""]),
    "two parts": changed(lambda three: three[:2]),
    "four parts": changed(lambda three: [*three, three[2]]),
    "five parts": changed(lambda three: [*three, *three[:2]]),
    "empty": lambda _: "",
    "three dots": lambda _: "...",
    "two dots": lambda _: "..",
    "garbage": lambda _: "garbage",
    "three pieces of garbage": lambda _: "a.b.c",
    "not Base64": lambda _: "!.?.*",
    "not ASCII": lambda _: "ü.ü.ü",
    "control characters": lambda _: "a\x01.b\x7f.c",
    "another Bearer": lambda issuer: f"Bearer {issuer.token('admin')}",
    "two tokens": lambda issuer: f"{issuer.token('admin')},{issuer.token('admin')}",
    "two tokens with a blank": lambda issuer: f"{issuer.token('admin')} {issuer.token('admin')}",
    "huge": lambda _: "A" * 1_000_000,
    "huge dots": lambda _: "." * 1_000_000,
}


class TestBadTokens:
    @pytest.mark.parametrize("make", BAD_TOKENS.values(), ids=BAD_TOKENS.keys())
    async def test_it_is_refused_every_time(self, call: Call, issuer: Issuer, make: Make) -> None:
        good, bad = issuer.token("admin"), make(issuer)
        assert (await call(good)).status_code == 200
        for _ in range(2):
            problem = assert_problem(await call(bad), 401, "invalid_token")
            assert len(problem["detail"]) < 100
        assert (await call(good)).json()["subject"] == "admin-1"

    async def test_the_routes_of_the_application_refuse_it_too(self, call: Call, issuer: Issuer) -> None:
        for path in ("/api/v1/products/", "/api/v1/products/1", "/api/v1/nothing", "/"):
            assert_problem(await call(issuer.token("admin", key=FOREIGN_KEY), path), 401, "invalid_token")


GOOD_TOKENS: dict[str, Make] = {
    "of another type of access token": with_header(typ="at+jwt"),
    "typ in full": with_header(typ="application/at+jwt"),
    "typ in capitals": with_header(typ="AT+JWT"),
    "typ in small letters": with_header(typ="jwt"),
    "without typ": lambda issuer: signed(issuer, {"alg": "RS256", "kid": kid_of(issuer)}),
    "typ Bearer": with_header(typ="Bearer"),
    "typ null": with_header(typ=None),
    "typ a media type": with_header(typ="application/jwt"),
    "Keycloak's": with_claims(typ="Bearer"),
    "Keycloak's with nonce": with_claims(typ="Bearer", nonce="n-0S6_WzA2Mj"),
    "Cognito's": with_claims(token_use="access", client_id="1h57kf5cpq17m0eml12EXAMPLE"),
    "with events of its own": with_claims(events=["opening", "fair"]),
    "without kid": lambda issuer: signed(issuer, {"alg": "RS256"}),
    "aud a list": with_claims(aud=["account", AUDIENCE]),
    "exp within the leeway": seconds_from_now("exp", -20),
    "exp with a fraction": lambda issuer: issuer.token("admin", exp=time.time() + 60.5),
    "nbf within the leeway": seconds_from_now("nbf", 20),
    "iat within the leeway": seconds_from_now("iat", 20),
    "without iat": without("iat"),
    "without jti": without("jti"),
    "with claims nobody knows": with_claims(**{"https://example.com/x": {"a": [1, None]}}),
    "large": with_claims(padding="x" * 100_000),
}


class TestGoodTokens:
    @pytest.mark.parametrize("make", GOOD_TOKENS.values(), ids=GOOD_TOKENS.keys())
    async def test_it_is_accepted_every_time(self, call: Call, issuer: Issuer, make: Make) -> None:
        token = make(issuer)
        for _ in range(2):
            response = await call(token)
            assert response.status_code == 200, response.text
            assert response.json()["subject"] == "admin-1"
            assert "admin" in response.json()["authorities"]


class TestHeader:
    @pytest.mark.parametrize("scheme", ["Bearer", "bearer", "BEARER", "bEaReR", "Bearer "])
    async def test_the_scheme_in_any_case(self, call: Call, issuer: Issuer, scheme: str) -> None:
        headers = [("Authorization", f"{scheme} {issuer.token('viewer')}")]
        assert (await call(headers=headers)).json()["subject"] == "viewer-1"

    @pytest.mark.parametrize(
        "value", ["", "Basic dXNlcjpwYXNz", "Token abc", "Bearertoken", "Negotiate", "Bearer\tabc"]
    )
    async def test_another_scheme_is_no_token(self, call: Call, value: str) -> None:
        assert_problem(await call(headers=[("Authorization", value)]), 401, "missing_token")
        assert_problem(await call(), 401, "missing_token")

    async def test_a_scheme_without_a_token(self, call: Call) -> None:
        for value in ("Bearer", "Bearer ", "bearer    "):
            assert_problem(await call(headers=[("Authorization", value)]), 401, "invalid_token")

    async def test_two_tokens_are_refused(self, call: Call, issuer: Issuer) -> None:
        """A proxy in front might have checked the other one."""
        good = ("Authorization", f"Bearer {issuer.token('admin')}")
        for other in (good, ("Authorization", "Bearer garbage"), ("authorization", "Basic dXNlcjpwYXNz")):
            assert_problem(await call(headers=[good, other]), 401, "invalid_token")
            assert_problem(await call(headers=[other, good]), 401, "invalid_token")

    async def test_a_token_elsewhere_does_not_count(self, call: Call, issuer: Issuer) -> None:
        token = issuer.token("admin")
        assert_problem(await call(path=f"/probe/anonymous/../caller?access_token={token}"), 401, "missing_token")
        assert_problem(await call(headers=[("Cookie", f"access_token={token}")]), 401, "missing_token")

    async def test_an_anonymous_route_ignores_it(self, call: Call, issuer: Issuer) -> None:
        for token in (None, "garbage", issuer.token("admin")):
            assert (await call(token, "/probe/anonymous")).json()["subject"] is None

    async def test_the_caller_of_one_request_is_not_that_of_the_next(self, call: Call, issuer: Issuer) -> None:
        assert (await call(issuer.token("admin"))).json()["subject"] == "admin-1"
        assert (await call(path="/probe/anonymous")).json() == {
            "subject": None,
            "authorities": [],
            "groups": [],
            "agent": None,
            "scopes": [],
        }


class TestWebSocket:
    async def test_every_websocket_is_closed(self, probe_app: FastAPI, issuer: Issuer) -> None:
        """pico-client-auth 0.7.1 does not authenticate WebSockets."""
        sent: list[Any] = []

        async def receive() -> dict[str, str]:
            return {"type": "websocket.connect"}

        async def send(message: Any) -> None:
            sent.append(message)

        headers = [(b"authorization", f"Bearer {issuer.token('admin')}".encode())]
        scope = {
            "type": "websocket",
            "path": "/probe/caller",
            "headers": headers,
            "query_string": b"",
            "app": probe_app,
        }
        await probe_app(scope, receive, send)
        assert sent == [{"type": "websocket.close", "code": 1008}]


class TestCache:
    @pytest.mark.slow
    async def test_a_remembered_token_still_expires(self, issuer: Issuer) -> None:
        validator = validator_of(issuer, leeway=0)
        token = issuer.token("admin", exp=time.time() + 2)  # PyJWT cuts fractions off
        await validator.validate(token)
        await asyncio.sleep(2.05)
        with pytest.raises(Exception, match="expired"):
            await validator.validate(token)

    async def test_a_changed_token_is_not_found(self, issuer: Issuer) -> None:
        validator = validator_of(issuer)
        token = issuer.token("admin")
        await validator.validate(token)
        for other in (token[:-8] + "AAAAAAAA", token.swapcase(), token[1:]):
            with pytest.raises(Exception, match=r"not valid|malformed"):
                await validator.validate(other)

    async def test_its_size_is_limited(self, issuer: Issuer) -> None:
        for size in (0, 3):
            validator = validator_of(issuer, token_cache_size=size)
            tokens = [issuer.token("admin") for _ in range(6)]
            for token in [*tokens, *tokens]:
                claims, _ = await validator.validate(token)
                assert claims.sub == "admin-1"
            assert len(validator._cache) == size

    async def test_bad_tokens_are_not_remembered(self, issuer: Issuer) -> None:
        validator = validator_of(issuer)
        for _ in range(3):
            with pytest.raises(Exception, match="not valid"):
                await validator.validate(issuer.token("admin", key=FOREIGN_KEY))
        assert not validator._cache


class TestAlgorithmSetting:
    @pytest.mark.parametrize("algorithm", ["HS256", "hs512", "none", "None", "rs256", "RS257", "ML-DSA-65", ""])
    def test_one_that_is_no_public_key_algorithm_stops_the_start(self, issuer: Issuer, algorithm: str) -> None:
        with pytest.raises(StartupError, match=r"auth_client\.accepted_algorithms"):
            validator_of(issuer, client={"accepted_algorithms": ("RS256", algorithm)})

    def test_none_at_all_stops_the_start(self, issuer: Issuer) -> None:
        with pytest.raises(StartupError, match=r"auth_client\.accepted_algorithms"):
            validator_of(issuer, client={"accepted_algorithms": ()})

    async def test_others_may_be_allowed(self, own_issuer: Issuer) -> None:
        own_issuer.published.append(
            json.loads(jwt.algorithms.ECAlgorithm.to_jwk(ELLIPTIC_KEY.public_key())) | {"kid": "ec", "alg": "ES256"}
        )
        token = own_issuer.token("admin", key=ELLIPTIC_KEY, algorithm="ES256", headers={"kid": "ec"})
        validator = validator_of(own_issuer, client={"accepted_algorithms": ("RS256", "ES256")})
        claims, _ = await validator.validate(token)
        assert claims.sub == "admin-1"
        with pytest.raises(Exception, match="not valid"):
            await validator_of(own_issuer).validate(token)
