"""Check that an error answer is a complete problem document (RFC 9457, RFC 6750), for tests of all features."""

from typing import Any
from urllib.parse import unquote

import httpx

from myapp.platform.web.problems import CATALOGUE

KINDS = {kind.code: kind for kind in CATALOGUE}
MEMBERS = {"type", "title", "status", "detail", "instance", "code", "request_id"}


def assert_problem(response: httpx.Response, status: int, code: str) -> dict[str, Any]:
    """Return the problem document. It must be complete, fit its answer, and have the code ``code``."""
    assert response.status_code == status, response.text
    assert response.headers["content-type"] == "application/problem+json"
    problem: dict[str, Any] = response.json()
    assert problem["code"] == code, problem
    kind = KINDS[code]
    assert problem["type"] == f"urn:products-api:problem:{code}"
    assert (problem["status"], problem["title"]) == (kind.status, kind.title) == (status, problem["title"])
    assert isinstance(problem["detail"], str)
    assert problem["detail"]
    assert response.request.url.path.startswith(unquote(problem["instance"]).removesuffix("/"))
    assert problem["request_id"] == response.headers["x-request-id"]
    assert set(problem) - {"errors"} == MEMBERS
    for error in problem.get("errors", []):
        assert {"code", "message"} < set(error)
        assert len(set(error) & {"pointer", "parameter"}) == 1
    challenge = response.headers.get("www-authenticate", "")
    match code:
        case "missing_token":
            assert challenge == 'Bearer realm="products-api"'
        case "invalid_token" | "insufficient_scope":
            assert challenge.startswith(f'Bearer realm="products-api", error="{code}"')
        case "user_inactive":
            assert challenge == 'Bearer realm="products-api", error="insufficient_scope"'
        case _:
            assert not challenge
    if status == 503 or code == "idempotency_in_progress":
        assert int(response.headers["retry-after"]) > 0
    return problem


def assert_invalid(response: httpx.Response, place: str, code: str | None = None) -> None:
    """Check for a 422 with exactly one fault, at ``place``: ``#/name`` in the body, or the name of a parameter."""
    errors = assert_problem(response, 422, "validation_failed")["errors"]
    assert [error.get("pointer", error.get("parameter")) for error in errors] == [place], errors
    if code:
        assert errors[0]["code"] == code
