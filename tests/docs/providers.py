"""Keys and tokens in the form that each identity provider documents, for the settings of docs/auth.md."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

Claims = Mapping[str, Any]
CERTIFICATE = {"x5c": ["MIICmzCCAYMCBgGN"], "x5t": "q1bYvNnUJ0Q", "x5t#S256": "0ODvVmnUJ0Qq1bYv"}
"""The members of a JWK that repeat the key as a certificate. Nothing reads them here."""
HASHES = {"nonce": "n-0S6_WzA2Mj", "at_hash": "77QmUPtjPfzWtF2AnpK9RQ"}


@dataclass(frozen=True)
class Provider:
    """``header`` are members of the tokens' header; without a value the header has no such member.

    ``key`` are members of the signing key, and ``other_keys`` are published beside it. ``managers`` and ``viewers`` are
    claims of access tokens, ``refused`` are those of other tokens.
    """

    managers: Sequence[Claims]
    viewers: Sequence[Claims]
    refused: Sequence[Claims]
    header: Claims = field(default_factory=dict)
    key: Claims = field(default_factory=dict)
    other_keys: Sequence[Claims] = ()

    def published(self, jwk: Claims) -> Claims:
        """Return the signing key as the provider publishes it."""
        return {name: value for name, value in {**jwk, **self.key}.items() if value is not None}


KEYCLOAK = {
    "typ": "Bearer",
    "aud": ["products-api", "account"],
    "azp": "shop-web",
    "sid": "0d6e1c5a",
    "acr": "1",
    "allowed-origins": ["https://shop.example.com"],
    "scope": "email profile",
    "email_verified": True,
}
AUTH0 = {
    "aud": ["https://products.example.com", "https://shop.eu.auth0.com/userinfo"],
    "sub": "auth0|65f1c0ffee",
    "azp": "x1y2",
    "scope": "openid profile",
}
ENTRA = {"aud": "API_CLIENT_ID", "ver": "2.0", "azp": "6e74172b", "azpacr": "0", "oid": "1", "tid": "TENANT_ID"}
ENTRA_V1 = {
    "iss": "https://sts.windows.net/TENANT_ID/",
    "aud": "api://products-api",
    "ver": "1.0",
    "appid": "6e74172b",
    "appidacr": "0",
    "oid": "1",
    "tid": "TENANT_ID",
}
COGNITO = {
    "token_use": "access",
    "client_id": "APP_CLIENT_ID",
    "username": "ada",
    "origin_jti": "5b2f",
    "event_id": "c1a2",
    "version": 2,
    "scope": "openid products/write",
}
OKTA = {"aud": "api://default", "ver": 1, "cid": "0oa1", "uid": "00u1", "scp": ["openid"], "sub": "ada@example.com"}
ZITADEL = {"aud": ["281@shop", "281@web", "PROJECT_ID"], "client_id": "281@shop", "sub": "281234567890123456"}
ZITADEL_ROLES = "urn:zitadel:iam:org:project:roles"
AUTHENTIK = {
    "aud": "CLIENT_ID",
    "azp": "CLIENT_ID",
    "uid": "kqD3",
    "acr": "goauthentik.io/providers/oauth2/default",
    "amr": ["pwd"],
    "nonce": "n-0S6_WzA2Mj",
    "sid": "5f1d",
}

PROVIDERS = {
    "keycloak": Provider(
        managers=[
            KEYCLOAK | {"realm_access": {"roles": ["product-manager", "offline_access"]}},
            KEYCLOAK | {"resource_access": {"products-api": {"roles": ["product-manager"]}}, "nonce": "n-0S6"},
        ],
        viewers=[
            KEYCLOAK | {"realm_access": {"roles": ["offline_access"]}, "roles": ["product-manager"]},
            KEYCLOAK | {"resource_access": {"account": {"roles": ["product-manager"]}}},
        ],
        refused=[
            KEYCLOAK | {"typ": "ID", **HASHES},
            KEYCLOAK | {"typ": "Refresh"},
            KEYCLOAK | {"typ": "Offline"},
            KEYCLOAK | {"typ": "Logout", "events": {"http://schemas.openid.net/event/backchannel-logout": {}}},
            KEYCLOAK | {"aud": "account"},
        ],
        key=CERTIFICATE,
        other_keys=[
            {"kid": "e", "kty": "RSA", "alg": "RSA-OAEP", "use": "enc", "n": "AQAB", "e": "AQAB", **CERTIFICATE}
        ],
    ),
    "auth0": Provider(
        managers=[
            AUTH0 | {"https://shop.example.com/roles": ["product-manager"]},
            AUTH0 | {"permissions": ["products:write"]},
            AUTH0 | {"aud": "https://products.example.com", "sub": "x1y2@clients", "permissions": ["products:write"]},
        ],
        viewers=[
            AUTH0 | {"permissions": []},
            AUTH0 | {"https://shop.example.com/roles": [], "scope": "products:write"},
        ],
        refused=[AUTH0 | {"aud": "x1y2", **HASHES}, AUTH0 | {"aud": "https://shop.eu.auth0.com/userinfo"}],
        header={"typ": "at+jwt"},
        key=CERTIFICATE,
    ),
    "entra": Provider(
        managers=[
            ENTRA | {"roles": ["product-manager"], "scp": "access"},
            ENTRA_V1 | {"roles": ["product-manager"], "scp": "access"},
            ENTRA_V1 | {"aud": "API_CLIENT_ID", "roles": ["product-manager"], "idtyp": "app"},
        ],
        viewers=[ENTRA | {"scp": "access products:write"}, ENTRA_V1 | {"roles": ["products:write"]}],
        refused=[
            ENTRA | {"aud": "00000003-0000-0000-c000-000000000000"},
            ENTRA | {"iss": "https://login.microsoftonline.com/OTHER_TENANT/v2.0"},
            ENTRA | HASHES,
        ],
        key={
            "alg": None,
            "x5c": ["MIIC"],
            "x5t": "q1bY",
            "issuer": "https://login.microsoftonline.com/{tenantid}/v2.0",
        },
        other_keys=[{"kty": "RSA", "use": "sig", "kid": "old", "n": "AQAB", "e": "AQAB", "x5c": ["MIIC"]}],
    ),
    "cognito": Provider(
        managers=[
            COGNITO | {"cognito:groups": ["product-manager"]},
            COGNITO | {"client_id": "MOBILE_CLIENT_ID", "cognito:groups": ["everybody", "product-manager"]},
        ],
        viewers=[COGNITO, COGNITO | {"cognito:groups": ["everybody"]}],
        refused=[
            COGNITO | {"client_id": "OTHER_CLIENT_ID"},
            {"token_use": "id", "aud": "APP_CLIENT_ID", "cognito:username": "ada", "at_hash": "77QmUPtjPfzWtF2AnpK9RQ"},
            COGNITO | {"token_use": "id"},
        ],
        header={"typ": None},
        other_keys=[{"alg": "RS256", "e": "AQAB", "kid": "id", "kty": "RSA", "n": "AQAB", "use": "sig"}],
    ),
    "okta": Provider(
        managers=[OKTA | {"groups": ["Everyone", "product-manager"]}],
        viewers=[OKTA, OKTA | {"groups": ["Everyone"], "scp": ["openid", "products:write"]}],
        refused=[
            OKTA | {"aud": "0oa1", "amr": ["pwd"], "idp": "00o1", **HASHES},
            OKTA | {"aud": "https://example.okta.com"},
        ],
        header={"typ": None},
    ),
    "zitadel": Provider(
        managers=[
            ZITADEL | {ZITADEL_ROLES: {"product-manager": {"2812": "shop.example.com"}}},
            ZITADEL | {"urn:zitadel:iam:org:project:PROJECT_ID:roles": {"product-manager": {"2812": "a", "2813": "b"}}},
        ],
        viewers=[
            ZITADEL | {"urn:zitadel:iam:org:project:OTHER_ID:roles": {"product-manager": {"2812": "a"}}},
            ZITADEL | {ZITADEL_ROLES: {"viewer": {"2812": "shop.example.com"}}},
            ZITADEL,
        ],
        refused=[ZITADEL | {"aud": ["281@shop"]}, ZITADEL | {"azp": "281@shop", "amr": ["password"], **HASHES}],
    ),
    "authentik": Provider(
        managers=[
            AUTHENTIK | {"groups": ["authentik Admins", "product-manager"], "scope": "openid profile"},
            AUTHENTIK | {"groups": ["product-manager"], "nonce": None},
        ],
        viewers=[AUTHENTIK | {"groups": ["authentik Admins"], "ak_groups": ["product-manager"]}],
        refused=[AUTHENTIK | HASHES, AUTHENTIK | {"c_hash": "LDktKdoQak3Pk0cnXxCltA"}, AUTHENTIK | {"aud": "OTHER_ID"}],
        key=CERTIFICATE,
    ),
}
