"""The OpenAPI description of a route, derived from its method so that it always fits what the route does."""

import inspect
from collections.abc import Callable, Sequence
from typing import Any

from fastapi import Response
from pico_client_auth.decorators import PICO_ALLOW_ANONYMOUS, PICO_REQUIRED_GROUPS, PICO_REQUIRED_ROLES
from pico_client_auth.scope import PICO_REQUIRED_SCOPES
from pydantic import BaseModel

from ..errors import (
    DatabaseUnavailableError,
    DomainError,
    IdempotencyInProgressError,
    IdempotencyKeyReusedError,
    InactiveCallerError,
    IssuerUnavailableError,
)
from . import problems
from .idempotency import IDEMPOTENCY_KEY, Idempotency
from .preconditions import IF_MATCH, IF_NONE_MATCH, IfMatch
from .problems import ProblemType
from .server_events import EVENT_STREAM, EXAMPLE_BLOCK, LAST_EVENT_ID

WITH_LOCATION = (201, 202)
"""Statuses of answers with a ``Location`` header, which names the new resource."""

RULE_MARKERS = (PICO_REQUIRED_ROLES, PICO_REQUIRED_GROUPS, PICO_REQUIRED_SCOPES)
"""The attributes of a method whose access rule requires one of several names."""

PARAMETER_PERMISSION = "_pico_parameter_permission"
"""The marker of a method with a query parameter that needs a permission: the names of both.

pico-fastapi copies attributes that begin with ``_pico_`` to the endpoint of the route.
"""

TAKES_BODY = "_pico_takes_body"
"""The marker of a method that reads the body of its request."""

TAKES_LARGE_BODY = "_pico_takes_large_body"
"""The marker of a method whose body may be as large as ``web.max_bulk_body_bytes``."""

LINK = "Links to the first, previous, next and last page, as far as these exist and are known (RFC 8288)"

BYTES = "application/octet-stream"
"""The type by which generated clients know that they must read bytes. They would read ``text/csv`` as text, and a PDF
beside it too."""

POSITION = "x-position"
"""The key for the place of a controller's method in the source. ``openapi.py`` sorts by it and removes it."""

Errors = Sequence[type[DomainError] | ProblemType]


def describe(
    method: Callable[..., Any],
    signature: inspect.Signature,
    status_code: int,
    errors: Errors,
    *,
    versioned: bool,
    paged: bool,
    files: Sequence[str],
    event_stream: bool,
    is_read: bool,
    idempotency: Idempotency | None,
) -> dict[str, Any]:
    """Return FastAPI's arguments that document the route of ``method``."""
    entries = problem_responses(method, signature, errors, is_read, idempotency)
    parameters = []
    if versioned:
        entries |= versioned_responses(status_code, is_read)
    if paged:
        entries[status_code] = {"headers": {"Link": {"schema": {"type": "string"}, "description": LINK}}}
    if files:
        content = {media_type: {"schema": {"type": "string", "format": "binary"}} for media_type in (BYTES, *files)}
        entries[status_code] = {"content": content, "headers": {"Content-Disposition": {"schema": {"type": "string"}}}}
    if event_stream:
        entries[status_code] = {"content": {EVENT_STREAM: {"schema": {"type": "string"}, "example": EXAMPLE_BLOCK}}}
        parameters.append(LAST_EVENT_ID)
    if versioned and is_read:
        parameters.append(IF_NONE_MATCH)
    if any(parameter.annotation == IfMatch for parameter in signature.parameters.values()):
        parameters.append(IF_MATCH)
    if idempotency:
        parameters.append(IDEMPOTENCY_KEY | ({"required": True} if idempotency == "required" else {}))
    return {
        "summary": method.__name__.replace("_", " ").capitalize(),
        "description": description(method),
        "operation_id": method.__name__,
        "responses": entries,
        "openapi_extra": {POSITION: (method.__module__, inspect.unwrap(method).__code__.co_firstlineno)}
        | ({"parameters": parameters} if parameters else {})
        | {"security": security_requirements(method)},
        **({"response_class": Response} if files else {}),
    }


def merge_patch(model: type[BaseModel]) -> dict[str, Any]:
    """Return OpenAPI's entry of a body that is a merge patch (RFC 7396). ``application/json`` is accepted too."""
    content = {"schema": {"$ref": f"#/components/schemas/{model.__name__}"}}
    return {"requestBody": {"content": {"application/merge-patch+json": content}}}


def is_public(method: Callable[..., Any]) -> bool:
    return bool(getattr(method, PICO_ALLOW_ANONYMOUS, False))


def description(method: Callable[..., Any]) -> str:
    return f"{inspect.getdoc(method) or ''}\n\n{access_rule(method)}".strip()


def access_rule(method: Callable[..., Any]) -> str:
    """Return a sentence that says what a caller of ``method`` needs."""
    if is_public(method):
        return "Open to everybody."
    for marker, kind in zip(RULE_MARKERS, ("", "the group ", "an agent token with the scope "), strict=True):
        if names := sorted(getattr(method, marker, ())):
            if not kind and not any(":" in name for name in names):
                kind = "the role "
            return f"Needs {kind}`{'` or `'.join(names)}`."
    return "Needs a valid token."


def security_requirements(method: Callable[..., Any]) -> list[dict[str, list[str]]]:
    """Return the access rule as OpenAPI's security requirements; a public route has none.

    OpenAPI 3.1 lets a bearer scheme list the required roles. Of several entries, one is enough. Groups and an agent's
    scopes are not roles of the caller, so they are not listed.
    """
    if is_public(method):
        return []
    return [{"bearer": [name]} for name in sorted(getattr(method, PICO_REQUIRED_ROLES, ()))] or [{"bearer": []}]


def versioned_responses(status_code: int, is_read: bool) -> dict[int | str, dict[str, Any]]:
    """Return OpenAPI's entries for answers with an entity tag."""
    text = {"schema": {"type": "string"}}
    headers = {"ETag": text, "Location": text} if status_code in WITH_LOCATION else {"ETag": text}
    entries: dict[int | str, dict[str, Any]] = {status_code: {"headers": headers}}
    if is_read:
        entries[304] = {
            "description": "The resource is in a version that `If-None-Match` names",
            "headers": headers,
        }
    return entries


def problem_responses(
    method: Callable[..., Any],
    signature: inspect.Signature,
    errors: Errors,
    is_read: bool,
    idempotency: Idempotency | None,
) -> dict[int | str, dict[str, Any]]:
    """Return OpenAPI's entries for every problem that the route can answer with."""
    kinds = [kind if isinstance(kind, ProblemType) else ProblemType.of(kind) for kind in errors]
    kinds += [problems.VALIDATION_FAILED, problems.INTERNAL_ERROR]
    if not is_public(method):
        kinds += [problems.MISSING_TOKEN, problems.INVALID_TOKEN, ProblemType.of(InactiveCallerError)]
        kinds += [ProblemType.of(IssuerUnavailableError), ProblemType.of(DatabaseUnavailableError)]
    if any(getattr(method, marker, None) for marker in (*RULE_MARKERS, PARAMETER_PERMISSION)):
        kinds.append(problems.INSUFFICIENT_SCOPE)
    if not is_read:
        kinds.append(problems.BODY_TOO_LARGE)
    if "body" in signature.parameters:
        kinds += [problems.MALFORMED_BODY, problems.UNSUPPORTED_MEDIA_TYPE, problems.UNSUPPORTED_ENCODING]
    if idempotency:
        kinds.append(problems.INVALID_IDEMPOTENCY_KEY)
        kinds += [ProblemType.of(IdempotencyInProgressError), ProblemType.of(IdempotencyKeyReusedError)]
    if idempotency == "required":
        kinds.append(problems.IDEMPOTENCY_KEY_REQUIRED)
    return problem_entries(kinds)


def problem_entries(kinds: Sequence[ProblemType]) -> dict[int | str, dict[str, Any]]:
    """Return OpenAPI's entries of problems, one for each status."""
    entries: dict[int | str, dict[str, Any]] = {}
    for status in sorted({kind.status for kind in kinds}):
        found = sorted({kind for kind in kinds if kind.status == status}, key=lambda kind: kind.code)
        examples = {kind.code: {"value": problems.example_of(kind)} for kind in found}
        content = {"schema": {"$ref": "#/components/schemas/Problem"}, "examples": examples}
        codes = ", ".join(f"`{code}`" for code in examples)
        entries[status] = {"description": codes, "content": {problems.MEDIA_TYPE: content}}
    return entries
