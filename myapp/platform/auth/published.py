"""A key that an issuer publishes, and the algorithms that it can verify (RFC 7517, RFC 7518, RFC 8037, RFC 9864)."""

from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from typing import Any

import jwt
from jwt.algorithms import ECAlgorithm, OKPAlgorithm, RSAAlgorithm

Names = tuple[str, ...]
"""All names of one algorithm."""

ALGORITHMS: Mapping[tuple[str, str | None], tuple[Names, ...]] = {
    ("RSA", None): (("RS256",), ("RS384",), ("RS512",), ("PS256",), ("PS384",), ("PS512",)),
    ("EC", "P-256"): (("ES256",),),
    ("EC", "P-384"): (("ES384",),),
    ("EC", "P-521"): (("ES512", "ES521"),),
    ("EC", "secp256k1"): (("ES256K",),),
    ("OKP", "Ed25519"): (("EdDSA", "Ed25519"),),
    ("OKP", "Ed448"): (("EdDSA", "Ed448"),),
}
"""The algorithms of each type and curve of keys."""

PUBLIC_KEY_ALGORITHMS = {name for group in ALGORITHMS.values() for names in group for name in names}

READERS: Mapping[str, Callable[[Any], Any]] = {
    "RSA": RSAAlgorithm.from_jwk,
    "EC": ECAlgorithm.from_jwk,
    "OKP": OKPAlgorithm.from_jwk,
}

for rfc_9864 in PUBLIC_KEY_ALGORITHMS - set(jwt.algorithms.get_default_algorithms()):
    jwt.register_algorithm(rfc_9864, OKPAlgorithm())  # PyJWT 2.15.1 knows EdDSA only


@dataclass(frozen=True, slots=True, eq=False)
class PublishedKey:
    kid: str | None
    key: Any
    """The public key, as PyJWT takes it."""
    algorithms: tuple[str, ...]
    """The accepted values of ``alg`` in the header of a token that this key has signed."""
    jwk: dict[str, Any]


def read_key(jwk: dict[str, Any], accepted: Collection[str]) -> PublishedKey | None:
    """Return the key in ``jwk``, or None if it is not for signatures or of an unknown type.

    ``alg`` and ``kid`` are optional in a JWK. Without ``alg``, the key verifies every ``accepted`` algorithm of its
    type. Raises an exception of any type for a malformed key.
    """
    kind = jwk["kty"]
    known = ALGORITHMS.get((kind, None if kind == "RSA" else jwk.get("crv")), ())
    usable = [names for names in known if jwk.get("alg") is None or jwk["alg"] in names]
    operations = jwk.get("key_ops")
    if not usable or jwk.get("use") not in (None, "sig") or (operations is not None and "verify" not in operations):
        return None
    kid = jwk.get("kid")
    if kid is not None and not isinstance(kid, str):
        raise TypeError("kid is not a string")
    key = READERS[kind](jwk)
    key = key.public_key() if hasattr(key, "public_key") else key  # an issuer may publish the private key by mistake
    allowed = tuple(name for names in usable if any(name in accepted for name in names) for name in names)
    return PublishedKey(kid, key, allowed, jwk)
