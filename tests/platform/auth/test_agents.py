"""Agent tokens: a second token in X-Agent-Authorization, of an agent that acts for the caller."""

from typing import Any

import pytest

from tests.issuer import Issuer
from tests.platform.web.problems import assert_problem

from ...fixture_types import Call
from .test_tokens import FOREIGN_KEY


@pytest.fixture
def caller_token(issuer: Issuer) -> str:
    return issuer.token("viewer")


def agent_token(issuer: Issuer, *scopes: Any, **claims: Any) -> str:
    return issuer.token(**{"sub": "buyer-7", "scopes": list(scopes), **claims})


class TestAgent:
    async def test_it_is_known_beside_the_caller(self, call: Call, issuer: Issuer, caller_token: str) -> None:
        agent = agent_token(issuer, "treasury:read", "other:scope")
        who = (await call(caller_token, agent=agent)).json()
        assert (who["subject"], who["agent"], who["scopes"]) == (
            "viewer-1",
            "buyer-7",
            ["treasury:read", "other:scope"],
        )

    async def test_it_does_not_stand_for_a_caller(self, call: Call, issuer: Issuer) -> None:
        assert_problem(await call(agent=agent_token(issuer, "treasury:read")), 401, "missing_token")

    async def test_its_roles_are_not_the_callers(self, call: Call, issuer: Issuer, caller_token: str) -> None:
        agent = issuer.token("admin", groups=["staff"])
        assert_problem(await call(caller_token, "/probe/role", agent=agent), 403, "insufficient_scope")
        assert_problem(await call(caller_token, "/probe/group", agent=agent), 403, "insufficient_scope")

    async def test_a_bad_one_is_refused_even_where_none_is_needed(
        self, call: Call, issuer: Issuer, caller_token: str
    ) -> None:
        bad = [
            "garbage",
            "",
            agent_token(issuer, exp=0),
            agent_token(issuer, aud="other-api"),
            issuer.token(key=FOREIGN_KEY),
            agent_token(issuer, typ="Refresh"),
        ]
        for agent in bad:
            for _ in range(2):
                assert_problem(await call(caller_token, agent=agent), 401, "invalid_token")
        two = [("X-Agent-Authorization", f"Bearer {agent_token(issuer)}")] * 2
        assert_problem(await call(caller_token, headers=two), 401, "invalid_token")

    async def test_another_scheme_is_no_agent(self, call: Call, caller_token: str) -> None:
        who = await call(caller_token, headers=[("X-Agent-Authorization", "Basic dXNlcjpwYXNz")])
        assert who.json()["agent"] is None

    async def test_the_agent_of_one_request_is_not_that_of_the_next(
        self, call: Call, issuer: Issuer, caller_token: str
    ) -> None:
        await call(caller_token, agent=agent_token(issuer, "treasury:read"))
        assert (await call(caller_token)).json()["agent"] is None


class TestScope:
    async def test_without_an_agent(self, call: Call, caller_token: str) -> None:
        assert (
            "X-Agent-Authorization"
            in assert_problem(await call(caller_token, "/probe/scope"), 401, "invalid_token")["detail"]
        )

    @pytest.mark.parametrize("scope", ["treasury:read", "treasury:audit", "treasury:*", "*"])
    async def test_one_that_matches(self, call: Call, issuer: Issuer, caller_token: str, scope: str) -> None:
        response = await call(caller_token, "/probe/scope", agent=agent_token(issuer, "other:scope", scope))
        assert response.status_code == 200

    @pytest.mark.parametrize(
        "scope", ["treasury", "treasury:", "treasury:write", "treasury:readme", "treas*", "*:read"]
    )
    async def test_one_that_does_not(self, call: Call, issuer: Issuer, caller_token: str, scope: str) -> None:
        response = await call(caller_token, "/probe/scope", agent=agent_token(issuer, scope))
        assert_problem(response, 403, "insufficient_scope")

    @pytest.mark.parametrize(
        "scopes", [None, 7, "treasury:read", "*", {"treasury:read": 1}, [["treasury:read"]], [None]]
    )
    async def test_a_claim_of_the_wrong_type_is_no_scope(
        self, call: Call, issuer: Issuer, caller_token: str, scopes: object
    ) -> None:
        response = await call(caller_token, "/probe/scope", agent=agent_token(issuer, scopes=scopes))
        assert_problem(response, 403, "insufficient_scope")

    async def test_the_callers_own_scopes_do_not_count(self, call: Call, issuer: Issuer) -> None:
        token = issuer.token("admin", scopes=["treasury:read"], scope="treasury:read")
        assert_problem(await call(token, "/probe/scope", agent=agent_token(issuer)), 403, "insufficient_scope")
