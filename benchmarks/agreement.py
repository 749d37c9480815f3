"""Checks that all services give the same answers, before their speed is compared."""

from collections.abc import Sequence
from typing import Any

import httpx

from benchmarks.catalogue import COMMON_WORD
from benchmarks.servers import Server

PATHS = [
    "/api/v1/health",
    "/api/v1/products/1",
    "/api/v1/products/20",
    "/api/v1/products/99999999999",
    "/api/v1/products/paged?page=1&page_size=10",
    "/api/v1/products/paged?page=3&page_size=100",
    "/api/v1/products/paged?page_size=101",
    "/api/v1/products/paged?page=1&size=10",
    "/api/v1/products/search?q=TABLE&limit=50",
    "/api/v1/products/search?q=gr%C3%B6sse&limit=5",
    "/api/v1/products/search?q=%25&limit=5",
]
PLAIN_PATHS = [
    "/api/v1/health",
    "/api/v1/products/1",
    "/api/v1/products/20",
    "/api/v1/products/paged?page=1&page_size=10",
    f"/api/v1/products/search?q={COMMON_WORD}&limit=50",
]
BODIES: list[dict[str, Any]] = [
    {"name": "  Folding Chair  ", "description": None, "price": 19.99, "stock": 3},
    {"name": "Folding Chair", "price": 19},
    {"name": " x ", "price": 19},
    {"name": "Folding Chair", "price": "19.99"},
    {"name": "Folding Chair", "price": 19.999},
    {"name": "Folding Chair", "price": 19.99, "stock": 2.0},
    {"name": "Folding Chair", "price": 19.99, "colour": "red"},
]
SET_BY_SERVER = {"id", "created_at", "updated_at"}


def check(servers: Sequence[Server], token: str) -> None:
    """Compare each service with the first. Only the peer has the whole contract.

    Raises:
        SystemExit: two services do not agree.
    """
    ours, *others = servers
    for theirs in others:
        if theirs.name == "peer":
            check_contract(ours, theirs, token)
        else:
            check_values(ours, theirs, token)


def check_contract(ours: Server, theirs: Server, token: str) -> None:
    for path in PATHS:
        require_same(f"GET {path}", *[fetch("GET", server, path, token) for server in (ours, theirs)])
    for body in BODIES:
        require_same(
            f"POST {body}", *[fetch("POST", server, "/api/v1/products/", token, body) for server in (ours, theirs)]
        )
    require_same("GET without a token", *[fetch("GET", server, "/api/v1/products/1") for server in (ours, theirs)])
    require_same(
        "GET with a bad token", *[fetch("GET", server, "/api/v1/products/1", "a.b.c") for server in (ours, theirs)]
    )


def check_values(ours: Server, theirs: Server, token: str) -> None:
    """Compare the values of products. The API's further members do not count."""
    for path in PLAIN_PATHS:
        wide, narrow = [fetch("GET", server, path, token) for server in (ours, theirs)]
        shown = {"status": narrow["status"], "body": narrow.get("body")}
        require_same(f"GET {path}", part(wide, shown), shown)


def part(wide: Any, narrow: Any) -> Any:
    """Return those members of ``wide`` that ``narrow`` has."""
    match wide, narrow:
        case dict(), dict():
            return {name: part(wide.get(name), value) for name, value in narrow.items()}
        case list(), list() if len(wide) == len(narrow):
            return [part(*pair) for pair in zip(wide, narrow, strict=True)]
    return wide


def fetch(method: str, server: Server, path: str, token: str | None = None, body: Any = None) -> dict[str, Any]:
    headers = {"Authorization": f"Bearer {token}"} if token else {}
    response = httpx.request(method, server.url + path, headers=headers, json=body, trust_env=False, timeout=10)
    answer: dict[str, Any] = {"status": response.status_code, "type": response.headers["Content-Type"]}
    if response.is_success:
        answer["etag"] = response.headers.get("ETag")
        answer["body"] = response.json()
    if response.status_code == 201:
        answer["body"] = {name: value for name, value in answer["body"].items() if name not in SET_BY_SERVER}
        answer["location"] = response.headers["Location"].rpartition("/")[0]
    return answer


def require_same(what: str, ours: dict[str, Any], theirs: dict[str, Any]) -> None:
    if ours != theirs:
        raise SystemExit(f"The services do not agree on {what}\nours: {ours}\npeer: {theirs}")
