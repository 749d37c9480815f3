"""The shapes in which issuers publish keys (RFC 7517): what is optional may be missing, what is unknown is ignored."""

import json
from typing import Any

import jwt
import pytest
from cryptography.hazmat.primitives.asymmetric import ec, ed448, ed25519
from fastapi import FastAPI
from jwt.algorithms import ECAlgorithm, OKPAlgorithm, RSAAlgorithm
from pico_client_auth.errors import TokenInvalidError

from myapp.platform.auth.published import PUBLIC_KEY_ALGORITHMS, read_key
from myapp.platform.auth.tokens import AccessTokenValidator
from myapp.platform.errors import IssuerUnavailableError
from tests.conftest import client_of
from tests.issuer import Issuer, private_key

from ...fixture_types import StartContainer
from .conftest import PROBE, caller, fetches, validator_of
from .test_keys import NO_PAUSE, wait_for_pause

RSA_KEY, OTHER_RSA_KEY = private_key(0), private_key(1)
P256, P384, P521, K256 = map(ec.generate_private_key, (ec.SECP256R1(), ec.SECP384R1(), ec.SECP521R1(), ec.SECP256K1()))
ED25519, ED448 = ed25519.Ed25519PrivateKey.generate(), ed448.Ed448PrivateKey.generate()


def jwk_of(key: Any, **members: Any) -> dict[str, Any]:
    """Return the public JWK with nothing that is optional, but ``members``."""
    writer: Any = {RSA_KEY: RSAAlgorithm, OTHER_RSA_KEY: RSAAlgorithm, ED25519: OKPAlgorithm, ED448: OKPAlgorithm}
    jwk = json.loads(writer.get(key, ECAlgorithm).to_jwk(key.public_key()))
    jwk.pop("key_ops", None)
    return {**jwk, **members}


def token_of(issuer: Issuer, key: Any, algorithm: str, kid: str | None = "k") -> str:
    """Return a token of ``issuer`` that is signed with ``key``. Without ``kid`` its header has none."""
    claims = jwt.decode(issuer.token("viewer"), options={"verify_signature": False})
    return jwt.encode(claims, key, algorithm, headers={} if kid is None else {"kid": kid})


async def accepts(issuer: Issuer, token: str, *accepted: str) -> bool:
    """Return whether a new validator accepts ``token``, twice the same."""
    validator = validator_of(issuer, client={"accepted_algorithms": accepted or ("RS256",)})
    answers = [await is_valid(validator, token) for _ in range(2)]
    assert answers[0] == answers[1]
    return answers[0]


async def is_valid(validator: AccessTokenValidator, token: str) -> bool:
    try:
        await validator.validate(token)
    except TokenInvalidError:
        return False
    return True


ALGORITHMS = [
    (RSA_KEY, ["RS256", "RS384", "RS512", "PS256", "PS384", "PS512"]),
    (P256, ["ES256"]),
    (P384, ["ES384"]),
    (P521, ["ES512"]),
    (K256, ["ES256K"]),
    (ED25519, ["EdDSA", "Ed25519"]),
    (ED448, ["EdDSA", "Ed448"]),
]
PAIRS = [(key, name) for key, names in ALGORITHMS for name in names]
IDS = [f"{type(key).__name__.removesuffix('PrivateKey')} {name}" for key, name in PAIRS]
NAMES = [name for _, name in PAIRS]


def verifies(jwk: dict[str, Any], *accepted: str) -> set[str]:
    """Return the algorithms that the key verifies, but for PyJWT's own name of ES512."""
    key = read_key(jwk, accepted)
    return set(key.algorithms) - {"ES521"} if key else set()


class TestAlgorithm:
    @pytest.mark.parametrize(("key", "algorithm"), PAIRS, ids=IDS)
    async def test_a_key_without_alg_verifies_an_accepted_algorithm_of_its_type(
        self, own_issuer: Issuer, key: Any, algorithm: str
    ) -> None:
        own_issuer.published = [jwk_of(key, kid="k")]
        assert await accepts(own_issuer, token_of(own_issuer, key, algorithm), "RS256", "ES256", algorithm)

    @pytest.mark.parametrize(("key", "names"), ALGORITHMS, ids=[names[-1] for _, names in ALGORITHMS])
    def test_it_verifies_all_accepted_ones_of_its_type_and_no_other(self, key: Any, names: list[str]) -> None:
        assert verifies(jwk_of(key), *NAMES) == set(names)
        for accepted in NAMES:
            has_two_names = accepted in names and "EdDSA" in names
            assert verifies(jwk_of(key), accepted) == (set(names) if has_two_names else {accepted} & set(names))

    @pytest.mark.parametrize(("key", "names"), ALGORITHMS, ids=[names[-1] for _, names in ALGORITHMS])
    def test_the_alg_of_a_key_decides(self, key: Any, names: list[str]) -> None:
        for of_key in NAMES:
            has_two_names = of_key in names and "EdDSA" in names
            assert verifies(jwk_of(key, alg=of_key), *NAMES) == (set(names) if has_two_names else {of_key} & set(names))

    async def test_a_token_of_another_algorithm_is_refused(self, own_issuer: Issuer) -> None:
        for alg, accepted in (("PS256", "RS256"), ("RS256", "PS256"), (None, "RS256"), ("ES256", "PS256")):
            own_issuer.published = [jwk_of(RSA_KEY, kid="k", alg=alg), jwk_of(OTHER_RSA_KEY, kid="other")]
            assert not await accepts(own_issuer, token_of(own_issuer, RSA_KEY, "PS256"), accepted)

    @pytest.mark.parametrize("accepted", ["EdDSA", "Ed25519"])
    @pytest.mark.parametrize("of_token", ["EdDSA", "Ed25519"])
    async def test_ed25519_has_two_names(self, own_issuer: Issuer, accepted: str, of_token: str) -> None:
        for of_key in (None, "EdDSA", "Ed25519"):
            own_issuer.published = [jwk_of(ED25519, kid="k", alg=of_key)]
            assert await accepts(own_issuer, token_of(own_issuer, ED25519, of_token), accepted)

    async def test_a_name_of_one_curve_is_not_that_of_another(self, own_issuer: Issuer) -> None:
        own_issuer.published = [jwk_of(ED448, kid="k")]
        for algorithm in ("EdDSA", "Ed448"):
            assert not await accepts(own_issuer, token_of(own_issuer, ED448, algorithm), "Ed25519", "RS256")
        assert not await accepts(own_issuer, token_of(own_issuer, ED448, "Ed25519"), "Ed25519", "EdDSA", "Ed448")
        own_issuer.published = [jwk_of(P384, kid="k")]
        assert not await accepts(own_issuer, token_of(own_issuer, P256, "ES256"), "ES256", "ES384")

    def test_every_algorithm_may_be_accepted(self, issuer: Issuer) -> None:
        for algorithm in PUBLIC_KEY_ALGORITHMS:
            validator_of(issuer, client={"accepted_algorithms": (algorithm, algorithm)})


class TestSetting:
    async def test_the_operator_decides_about_keys_without_alg(
        self, start: StartContainer, empty_database: str, own_issuer: Issuer
    ) -> None:
        own_issuer.published = [jwk_of(RSA_KEY)]
        environment = {"DATABASE__URL": empty_database, "AUTH_CLIENT__ISSUER": own_issuer.url}
        container = start(environment | {"AUTH_CLIENT__ACCEPTED_ALGORITHMS": '["PS256"]'}, modules=[PROBE])
        async with client_of(container.get(FastAPI)) as client:
            for algorithm, status in (("PS256", 200), ("RS256", 401), ("PS384", 401)):
                for kid in ("k", None):
                    response = await caller(client)(token_of(own_issuer, RSA_KEY, algorithm, kid))
                    assert response.status_code == status


class TestName:
    """The ``kid`` of a key and of a token."""

    @pytest.mark.parametrize("of_key", [None, "k"])
    @pytest.mark.parametrize("of_token", [None, "k", "other", ""])
    async def test_the_only_key(self, own_issuer: Issuer, of_key: str | None, of_token: str | None) -> None:
        """It needs no name, and nor do its tokens. A name of a token that is not the key's is an unknown key."""
        own_issuer.published = [jwk_of(RSA_KEY, kid=of_key)]
        token = token_of(own_issuer, RSA_KEY, "RS256", of_token)
        assert await accepts(own_issuer, token) == (None in (of_key, of_token) or of_key == of_token)

    async def test_the_only_key_does_not_verify_tokens_of_others(self, own_issuer: Issuer) -> None:
        own_issuer.published = [jwk_of(RSA_KEY)]
        for kid in (None, "k"):
            assert not await accepts(own_issuer, token_of(own_issuer, OTHER_RSA_KEY, "RS256", kid))
            assert not await accepts(own_issuer, token_of(own_issuer, RSA_KEY, "RS512", kid))

    @pytest.mark.parametrize(
        "beside",
        [
            jwk_of(OTHER_RSA_KEY, kid="e", use="enc"),
            jwk_of(OTHER_RSA_KEY, use="enc"),
            jwk_of(OTHER_RSA_KEY, kid="e", alg="RSA-OAEP"),
            jwk_of(OTHER_RSA_KEY, key_ops=["encrypt", "wrapKey"]),
            jwk_of(OTHER_RSA_KEY, alg="RS512"),
            jwk_of(P256, kid="e"),
            {"kty": "oct", "k": "AAAA"},
            {"kty": "AKP", "kid": "p", "alg": "ML-DSA-65", "pub": "AAAA"},
            {"kty": "XYZ"},
            {"kty": None},
            {},
            None,
            "key",
        ],
        ids=range(13),  # the keys are new in each process
    )
    async def test_keys_that_verify_nothing_here_do_not_count(self, own_issuer: Issuer, beside: Any) -> None:
        own_issuer.published = [beside, jwk_of(RSA_KEY), beside]
        for kid in (None, "k"):
            assert await accepts(own_issuer, token_of(own_issuer, RSA_KEY, "RS256", kid))

    async def test_of_several_keys_each_needs_a_name(self, own_issuer: Issuer) -> None:
        own_issuer.published = [jwk_of(RSA_KEY), jwk_of(OTHER_RSA_KEY, kid="k")]
        assert not await accepts(own_issuer, token_of(own_issuer, RSA_KEY, "RS256", None))
        assert not await accepts(own_issuer, token_of(own_issuer, RSA_KEY, "RS256", "k"))
        assert not await accepts(own_issuer, token_of(own_issuer, OTHER_RSA_KEY, "RS256", None))
        assert await accepts(own_issuer, token_of(own_issuer, OTHER_RSA_KEY, "RS256", "k"))
        own_issuer.published = [jwk_of(RSA_KEY), jwk_of(OTHER_RSA_KEY)]
        with pytest.raises(IssuerUnavailableError):
            await accepts(own_issuer, token_of(own_issuer, RSA_KEY, "RS256", None))

    async def test_a_second_key_ends_it(self, own_issuer: Issuer) -> None:
        own_issuer.published = [jwk_of(RSA_KEY)]
        validator = validator_of(own_issuer, ttl=0, jwks_refresh_pause=NO_PAUSE)
        token = token_of(own_issuer, RSA_KEY, "RS256", None)
        assert await is_valid(validator, token)
        own_issuer.published = [jwk_of(RSA_KEY), jwk_of(OTHER_RSA_KEY, kid="k")]
        assert not await is_valid(validator, token)
        own_issuer.published = [jwk_of(RSA_KEY)]
        assert await is_valid(validator, token)

    @pytest.mark.parametrize("kid", [None, "k"])
    async def test_a_new_key_without_a_name_is_accepted_after_the_pause(
        self, own_issuer: Issuer, kid: str | None
    ) -> None:
        own_issuer.published = [jwk_of(RSA_KEY)]
        validator = validator_of(own_issuer)
        before, after = (token_of(own_issuer, key, "RS256", kid) for key in (RSA_KEY, OTHER_RSA_KEY))
        assert await is_valid(validator, before)
        own_issuer.published = [jwk_of(OTHER_RSA_KEY)]
        await wait_for_pause()
        assert await is_valid(validator, after)
        assert await is_valid(validator, after)
        assert not await is_valid(validator, before)
        for _ in range(20):
            assert not await is_valid(validator, token_of(own_issuer, RSA_KEY, "RS256", kid))
        assert fetches(own_issuer) <= 3  # bad signatures cost one fetch a pause


class TestMembers:
    @pytest.mark.parametrize(
        "members",
        [
            {"use": "sig"},
            {"use": None, "alg": None, "key_ops": None},
            {"key_ops": ["verify"]},
            {"key_ops": ["sign", "verify"], "use": "sig"},
            {"x5c": ["MIIB", "MIIC"], "x5t": "AA", "x5t#S256": "AA", "x5u": "http://127.0.0.1:9/cert.pem"},
            {"issuer": "https://login.example.com/{tenantid}/v2.0", "nbf": 1, "exp": 2, "ext": True},
        ],
        ids=str,
    )
    async def test_more_members_do_no_harm(self, own_issuer: Issuer, members: dict[str, Any]) -> None:
        own_issuer.published = [jwk_of(RSA_KEY, kid="k", **members)]
        assert await accepts(own_issuer, token_of(own_issuer, RSA_KEY, "RS256"))

    @pytest.mark.parametrize(
        "members",
        [
            {"use": "enc"},
            {"use": "SIG"},
            {"use": 1},
            {"key_ops": []},
            {"key_ops": ["sign"]},
            {"key_ops": 7},
            {"alg": "none"},
            {"alg": "HS256"},
            {"alg": ["RS256"]},
            {"alg": ""},
            {"kid": 7},
            {"kid": ["k"]},
            {"n": "!"},
            {"e": 7},
        ],
        ids=str,
    )
    async def test_a_key_for_another_use_verifies_nothing(self, own_issuer: Issuer, members: dict[str, Any]) -> None:
        own_issuer.published = [jwk_of(RSA_KEY, **{"kid": "k", **members}), jwk_of(OTHER_RSA_KEY, kid="other")]
        assert not await accepts(own_issuer, token_of(own_issuer, RSA_KEY, "RS256"))

    async def test_a_private_key_that_was_published_verifies_too(self, own_issuer: Issuer) -> None:
        own_issuer.published = [json.loads(RSAAlgorithm.to_jwk(RSA_KEY)) | {"kid": "k", "key_ops": None}]
        assert await accepts(own_issuer, token_of(own_issuer, RSA_KEY, "RS256"))

    async def test_a_key_for_another_algorithm_may_have_the_same_name(self, own_issuer: Issuer) -> None:
        for published in ([RSA_KEY, P256], [P256, RSA_KEY]):
            own_issuer.published = [jwk_of(key, kid="k") for key in published]
            assert await accepts(own_issuer, token_of(own_issuer, RSA_KEY, "RS256"))
            assert await accepts(own_issuer, token_of(own_issuer, P256, "ES256"), "ES256")
