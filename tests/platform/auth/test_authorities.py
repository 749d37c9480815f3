"""A caller's roles, permissions and groups, and the forms of claims that count."""

from typing import Any, ClassVar

import pytest
from fastapi import FastAPI
from hypothesis import given
from hypothesis import strategies as st
from pico_client_auth import TokenClaims
from pico_client_auth.config import AuthClientSettings

from myapp.platform.auth.authorities import AuthorityResolver, Grants, requires_permission
from myapp.platform.auth.settings import AuthSettings
from myapp.platform.errors import StartupError
from tests.conftest import client_of
from tests.issuer import AUDIENCE, Issuer
from tests.platform.web.problems import assert_problem

from ...fixture_types import Call, StartContainer
from .conftest import PROBE, caller

GRANTS = {"product-manager": ["products:write", "reports:create"], "admin": ["products:delete", "reports:create"]}


async def resolve(claims: dict[str, Any], **settings: Any) -> list[str]:
    """Return the authorities of a caller with ``claims``, with ``settings`` of the section ``auth``."""
    auth = AuthSettings(**{"permissions": GRANTS} | settings)
    resolver = AuthorityResolver(auth, AuthClientSettings(audience=AUDIENCE))
    known = TokenClaims(sub="somebody", email="", role="", org_id="", jti="")
    return Grants(auth).expand(await resolver.resolve(known, claims))


class TestProtections:
    """The kinds of access rule, and their description in OpenAPI, as text and as security requirements."""

    CALLERS: ClassVar[dict[str, dict[str, Any] | None]] = {
        "nobody": None,
        "a viewer": {"role": "viewer"},
        "an admin": {"role": "admin"},
        "one with the permission": {"permissions": ["probe:read"]},
    }

    @pytest.mark.parametrize(
        ("path", "statuses"),
        [
            ("/probe/anonymous", (200, 200, 200, 200)),
            ("/probe/caller", (401, 200, 200, 200)),
            ("/probe/permission", (401, 403, 200, 200)),
            ("/probe/role", (401, 403, 200, 403)),
        ],
    )
    async def test_admit_the_right_callers(
        self, call: Call, issuer: Issuer, path: str, statuses: tuple[int, ...]
    ) -> None:
        for claims, status in zip(self.CALLERS.values(), statuses, strict=True):
            token = None if claims is None else issuer.token(**claims)
            assert (await call(token, path)).status_code == status, claims

    @pytest.mark.parametrize(
        ("path", "words", "security"),
        [
            ("/probe/anonymous", "Open to everybody.", None),
            ("/probe/caller", "Needs a valid token.", [[]]),
            ("/probe/permission", "Needs `probe:read` or `products:delete`.", [["probe:read"], ["products:delete"]]),
            ("/probe/role", "Needs the role `admin`.", [["admin"]]),
            ("/probe/group", "Needs the group `board` or `staff`.", [[]]),
            ("/probe/scope", "Needs an agent token with the scope `treasury:audit` or `treasury:read`.", [[]]),
        ],
    )
    def test_are_documented(self, probe_app: FastAPI, path: str, words: str, security: list[list[str]] | None) -> None:
        operation = probe_app.openapi()["paths"][path]["get"]
        assert operation["description"].endswith(words)
        requirements = [*({"bearer": names} for names in security), {"login": []}] if security else []
        assert operation["security"] == requirements
        assert ("insufficient_scope" in str(operation)) == (path not in ("/probe/anonymous", "/probe/caller"))


class TestPermissionOfAParameter:
    @pytest.mark.parametrize("value", ["true", "1", "Yes", "T"])
    @pytest.mark.parametrize("others", ["", "&hidden=false", "&unknown=1"])
    async def test_who_has_none_may_not_set_it(self, issuer: Issuer, call: Call, value: str, others: str) -> None:
        query = f"?hidden={value}{others}"
        assert_problem(await call(issuer.token("viewer"), f"/probe/all{query}"), 403, "insufficient_scope")
        assert_problem(await call(path=f"/probe/anonymous/all{query}"), 403, "insufficient_scope")
        assert_problem(await call(path=f"/probe/all{query}"), 401, "missing_token")

    async def test_the_route_itself_is_open(self, issuer: Issuer, call: Call) -> None:
        for query in ("", "?hidden=false"):
            assert (await call(issuer.token("viewer"), f"/probe/all{query}")).status_code == 200
            assert (await call(path=f"/probe/anonymous/all{query}")).status_code == 200
        assert (await call(issuer.token("admin"), "/probe/all?hidden=true")).status_code == 200


class TestPermissionMap:
    """The permissions of a role are a setting: another map changes the access without a change of code."""

    @pytest.mark.one_database
    async def test_another_map_changes_access(self, start: StartContainer, database_url: str, issuer: Issuer) -> None:
        grants = '{"editor": ["products:write"], "admin": ["products:write", "users:read"], "product-manager": []}'
        container = start({"DATABASE__URL": database_url, "AUTH__PERMISSIONS": grants})
        for role, may_write, may_list in (
            ("editor", 201, 403),
            ("admin", 201, 200),
            ("product-manager", 403, 403),
            ("viewer", 403, 403),
        ):
            async with client_of(container.get(FastAPI), issuer.token(role)) as client:
                written = await client.post("/api/v1/products/", json={"name": "Lamp", "price": 1})
                assert written.status_code == may_write, role
                assert (await client.get("/api/v1/users")).status_code == may_list, role
                assert (await client.delete("/api/v1/products/1")).status_code == 403, role


class TestRoles:
    async def test_come_from_both_claims_with_their_permissions(self) -> None:
        assert await resolve({"role": "admin", "roles": ["admin", "product-manager", "viewer"]}) == [
            "admin",
            "product-manager",
            "viewer",
            "products:delete",
            "reports:create",
            "products:write",
        ]

    @pytest.mark.parametrize("name", ["Admin", "admins", "adm", "admin,product-manager", "admin\u200b", "*"])
    async def test_a_name_like_that_of_a_role_grants_nothing(self, name: str) -> None:
        assert await resolve({"role": name}) == [name]

    async def test_one_with_a_colon_is_no_role(self) -> None:
        assert await resolve({"role": "products:delete", "roles": ["products:write", ":", "a:"]}) == []

    async def test_a_string_has_names_with_blanks_between(self) -> None:
        assert await resolve({"roles": "admin"}) == ["admin", "products:delete", "reports:create"]
        assert await resolve({"roles": " viewer  auditor products:delete "}) == ["viewer", "auditor"]

    async def test_a_string_may_be_a_role_whose_name_has_a_blank(self) -> None:
        grants = {"shop manager": ["products:write"], "manager": ["products:delete"]}
        assert await resolve({"role": "shop manager"}, permissions=grants) == ["shop manager", "products:write"]
        assert await resolve({"role": "shop manager x"}, permissions=grants) == [
            "shop",
            "manager",
            "x",
            "products:delete",
        ]

    async def test_an_object_has_the_names_as_keys(self) -> None:
        held = {"viewer": {"17": "shop.example.com"}, "auditor": {}, "editor": True, "products:delete": {}, "": {}}
        assert await resolve({"roles": held}) == ["viewer", "auditor", "editor"]

    async def test_a_key_without_a_value_is_not_held(self) -> None:
        assert await resolve({"roles": {"admin": None, "product-manager": False}}) == []

    async def test_a_large_claim_does_no_harm(self) -> None:
        names = [f"team-{number}" for number in range(20_000)]
        for value in (names, " ".join(names), dict.fromkeys(names, 1)):
            assert await resolve({"roles": value}) == names

    @pytest.mark.parametrize("claim", ["role", "roles", "permissions"])
    @pytest.mark.parametrize(
        "value",
        [
            None,
            1,
            1.5,
            True,
            {},
            {"": "admin"},
            {"products:delete": "admin"},
            {"admin": None},
            "",
            [],
            [["admin"]],
            [{"name": "admin"}],
            [None, 1, True],
        ],
    )
    async def test_a_claim_of_the_wrong_type_grants_nothing(
        self, call: Call, issuer: Issuer, claim: str, value: object
    ) -> None:
        response = await call(issuer.token(**{claim: value}))
        assert response.status_code == 200
        assert response.json()["authorities"] == []
        assert_problem(await call(issuer.token(**{claim: value}), "/probe/role"), 403, "insufficient_scope")

    async def test_names_in_a_mixed_list_count(self) -> None:
        assert await resolve({"roles": [None, "viewer", 1, {"role": "admin"}, ["admin"], ""]}) == ["viewer"]


class TestPermissions:
    async def test_come_from_the_token_itself(self) -> None:
        assert await resolve({"permissions": ["products:write", "products:write"]}) == ["products:write"]

    async def test_one_without_a_colon_is_no_permission(self) -> None:
        assert await resolve({"permissions": ["admin", "product-manager"]}) == []

    async def test_scopes_count_only_by_setting(self, call: Call, issuer: Issuer) -> None:
        token = issuer.token(scope="products:delete openid admin")
        assert (await call(token)).json()["authorities"] == []
        claims = {"scope": "openid products:delete admin"}
        assert await resolve(claims) == []
        for claim in ("scope", "scp"):
            for value in (claims["scope"], claims["scope"].split()):
                assert await resolve({claim: value}) == []
                assert await resolve({claim: value}, scope_grants_permissions=True) == ["products:delete"]
            for value in (None, 1, True, [["products:delete"]], {"products:delete": 1}, "", [None]):
                assert await resolve({claim: value}, scope_grants_permissions=True) == []

    async def test_scopes_are_no_roles(self) -> None:
        claims = {"scope": "admin", "scp": ["admin"], "permissions": "admin products:write"}
        assert await resolve(claims, scope_grants_permissions=True) == ["products:write"]

    async def test_a_route_requires_one_of_several(self, call: Call, issuer: Issuer) -> None:
        for token in (issuer.token("admin"), issuer.token(permissions=["probe:read"])):
            assert (await call(token, "/probe/permission")).status_code == 200
        response = await call(issuer.token("product-manager"), "/probe/permission")
        assert "probe:read" in assert_problem(response, 403, "insufficient_scope")["detail"]
        assert 'scope="probe:read products:delete"' in response.headers["www-authenticate"]

    def test_a_rule_must_name_a_permission(self) -> None:
        with pytest.raises(ValueError, match="admin"):
            requires_permission("admin")

    @pytest.mark.parametrize("permissions", [{"admin": ["delete"]}, {"products:delete": ["products:delete"]}])
    def test_a_wrong_setting_stops_the_start(self, permissions: dict[str, list[str]]) -> None:
        with pytest.raises(StartupError, match=r"auth\.permissions\."):
            Grants(AuthSettings(permissions=permissions))


class TestRoleClaims:
    KEYCLOAK = ("realm_access.roles", "resource_access.<audience>.roles")

    async def test_keycloak(self) -> None:
        claims = {
            "role": "admin",  # not in ``role_claims``
            "realm_access": {"roles": ["viewer", "offline_access"]},
            "resource_access": {AUDIENCE: {"roles": ["product-manager"]}, "account": {"roles": ["admin"]}},
        }
        roles = await resolve(claims, role_claims=list(self.KEYCLOAK), permissions={})
        assert roles == ["viewer", "offline_access", "product-manager"]

    @pytest.mark.parametrize(
        "claims",
        [
            {},
            {"realm_access": None, "resource_access": None},
            {"realm_access": "roles", "resource_access": AUDIENCE},
            {"realm_access": ["roles"], "resource_access": [AUDIENCE]},
            {"realm_access": {"roles": [["admin"]]}, "resource_access": {AUDIENCE: ["admin"]}},
            {"realm_access": {"roles": None}, "resource_access": {AUDIENCE: {"roles": 7}}},
            {"realm_access": {"Roles": ["admin"]}, "resource_access": {"other": {"roles": ["admin"]}}},
            {"roles": ["admin"], "resource_access": {"roles": ["admin"]}},
        ],
    )
    async def test_another_shape_grants_nothing(self, claims: dict[str, Any]) -> None:
        assert await resolve(claims, role_claims=list(self.KEYCLOAK)) == []

    @pytest.mark.parametrize(
        "name",
        [
            "https://shop.example.com/roles",
            "https://shop.example.com:8443/a.b/roles?x=1#y",
            "urn:zitadel:iam:org:project:roles",
            "cognito:groups",
            "realm_access.roles",
            "a.b.c.d",
            ".roles",
            "roles.",
            "a..b",
            "Rôles ü",
        ],
    )
    async def test_a_name_may_have_any_characters(self, name: str) -> None:
        claims = {name: ["viewer"], "realm_access": {"roles": ["admin"]}, "a": {"b": {"c": {"d": ["admin"]}}}}
        assert await resolve(claims, role_claims=[name]) == ["viewer"]
        assert await resolve({name + "x": ["admin"], name[:-1]: ["admin"]}, role_claims=[name]) == []

    @pytest.mark.parametrize("value", [None, 7, [], {}])
    async def test_a_claim_of_exactly_that_name_decides(self, value: object) -> None:
        claims = {"realm_access.roles": value, "realm_access": {"roles": ["admin"]}}
        assert await resolve(claims, role_claims=["realm_access.roles"]) == []

    @pytest.mark.parametrize("audience", [AUDIENCE, "https://api.example.com", "api.example", "api://1-2/x.y"])
    async def test_a_step_may_have_dots(self, audience: str) -> None:
        client = AuthClientSettings(audience=audience)
        known = TokenClaims(sub="somebody", email="", role="", org_id="", jti="")
        claims = {"resource_access": {"api": {"roles": ["admin"]}, audience: {"roles": ["viewer"]}}}
        for path in ("resource_access.<audience>.roles", f"resource_access.{audience}.roles"):
            resolver = AuthorityResolver(AuthSettings(role_claims=[path]), client)
            assert await resolver.resolve(known, claims) == ["viewer"]

    async def test_each_accepted_audience_stands_for_itself(self) -> None:
        claims = {"resource_access": {AUDIENCE: {"roles": ["viewer"]}, "shop.web": {"roles": "auditor viewer"}}}
        roles = await resolve(claims, role_claims=[self.KEYCLOAK[1]] * 2, further_audiences=["shop.web", AUDIENCE])
        assert roles == ["viewer", "auditor"]

    async def test_an_audience_may_be_a_part_of_a_name(self) -> None:
        claims = {f"urn:zitadel:iam:org:project:{AUDIENCE}:roles": {"viewer": {"17": "shop.example.com"}}}
        assert await resolve(claims, role_claims=["urn:zitadel:iam:org:project:<audience>:roles"]) == ["viewer"]


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda values: st.lists(values) | st.dictionaries(st.text(), values),
    max_leaves=10,
)
NAMES = st.text(min_size=1).filter(str.strip)


class TestAnyClaim:
    """A user of an issuer may have a claim of any form."""

    @given(value=JSON)
    async def test_roles_have_no_colon_and_permissions_have_one(self, value: Any) -> None:
        claims = dict.fromkeys(("roles", "permissions", "scope", "scp"), value)
        found = await resolve(claims, permissions={}, scope_grants_permissions=True)
        roles = await resolve({"roles": value}, permissions={})
        assert all(isinstance(name, str) and name for name in found)
        assert roles == [name for name in found if ":" not in name]
        assert len(set(found)) == len(found)

    @given(value=JSON, claims=st.dictionaries(st.text(), JSON))
    async def test_no_path_fails(self, value: Any, claims: dict[str, Any]) -> None:
        claims = claims | {"a": value, "a.b": value}
        paths = ["a", "a.b", "a.b.c", "a..b", ".", "a.<audience>.b", *filter(str.strip, claims)]
        assert isinstance(await resolve(claims, role_claims=paths), list)

    @given(name=NAMES, steps=st.lists(NAMES, min_size=1, max_size=4))
    async def test_every_name_and_every_path_is_found(self, name: str, steps: list[str]) -> None:
        assert await resolve({name: ["viewer"]}, role_claims=[name]) == ["viewer"]
        claims: Any = ["viewer"]
        for step in reversed(steps):
            claims = {step: claims}
        assert await resolve(claims, role_claims=[".".join(steps)]) == ["viewer"]


class TestGroups:
    async def test_one_of_several_is_needed(self, call: Call, issuer: Issuer) -> None:
        response = await call(issuer.token(groups=["board", "all"]), "/probe/group")
        assert response.json()["groups"] == ["board", "all"]
        assert_problem(await call(issuer.token("admin", groups=["all"]), "/probe/group"), 403, "insufficient_scope")
        assert_problem(await call(issuer.token("admin"), "/probe/group"), 403, "insufficient_scope")

    @pytest.mark.parametrize(
        "groups", [None, 7, "staff", "board", {"staff": 1}, [{"name": "staff"}], [["staff"]], [7, None], True]
    )
    async def test_a_claim_of_the_wrong_type_is_no_group(self, call: Call, issuer: Issuer, groups: object) -> None:
        token = issuer.token(groups=groups)
        assert (await call(token)).json()["groups"] == []
        assert_problem(await call(token, "/probe/group"), 403, "insufficient_scope")

    async def test_names_in_a_mixed_list_count(self, call: Call, issuer: Issuer) -> None:
        token = issuer.token(groups=[None, "staff", {"name": "board"}])
        assert (await call(token)).json()["groups"] == ["staff"]

    async def test_a_group_is_no_role_and_a_role_no_group(self, call: Call, issuer: Issuer) -> None:
        assert_problem(await call(issuer.token(groups=["admin"]), "/probe/role"), 403, "insufficient_scope")
        assert_problem(await call(issuer.token("staff"), "/probe/group"), 403, "insufficient_scope")

    @pytest.mark.parametrize("claim", ["email", "org_id", "name", "groups", "permissions"])
    async def test_other_claims_of_a_wrong_type_do_no_harm(self, call: Call, issuer: Issuer, claim: str) -> None:
        for value in (None, 7, ["a"], {"a": 1}):
            response = await call(issuer.token("admin", **{claim: value}), "/probe/role")
            assert response.json()["subject"] == "admin-1"


class TestInServices:
    """A service can check by itself. Its refusal is the same problem as that of a route."""

    @pytest.mark.parametrize("path", ["/probe/service/role", "/probe/service/group"])
    async def test_a_missing_role_or_group_is_403(self, call: Call, issuer: Issuer, path: str) -> None:
        assert_problem(await call(issuer.token("viewer"), path), 403, "insufficient_scope")
        assert (await call(issuer.token("admin", groups=["staff"]), path)).status_code == 200

    async def test_an_anonymous_caller_is_401(self, call: Call) -> None:
        assert_problem(await call(path="/probe/service/anonymous"), 401, "missing_token")


class TestOwnResolver:
    async def test_it_replaces_ours_and_its_roles_still_grant_permissions(
        self, start: StartContainer, empty_database: str, issuer: Issuer
    ) -> None:
        container = start({"DATABASE__URL": empty_database}, modules=[PROBE, "tests.platform.auth.own_resolver"])
        async with client_of(container.get(FastAPI)) as client:
            call = caller(client)
            staff = await call(issuer.token("viewer", email="eve@staff.example"))
            assert staff.json()["authorities"][0] == "admin"
            assert "products:delete" in staff.json()["authorities"]
            assert "viewer" not in staff.json()["authorities"]
            assert (await call(issuer.token("admin"))).json()["authorities"] == []
            assert_problem(await call(issuer.token("admin"), "/probe/role"), 403, "insufficient_scope")


class TestDisabled:
    async def test_every_route_is_open_and_callers_have_no_subject(
        self, start: StartContainer, empty_database: str
    ) -> None:
        container = start({"DATABASE__URL": empty_database, "AUTH_CLIENT__ENABLED": "false"}, modules=[PROBE])
        async with client_of(container.get(FastAPI)) as client:
            call = caller(client)
            assert (await call(path="/probe/role")).json()["subject"] is None
            assert (await call("garbage", path="/probe/group")).status_code == 200
