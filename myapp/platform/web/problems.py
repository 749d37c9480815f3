"""Problem documents (RFC 9457): the form of every error answer, whichever layer it comes from."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, TypedDict
from urllib.parse import quote

from fastapi import FastAPI, Request, Response
from fastapi.exceptions import RequestValidationError
from pico_client_auth.errors import InsufficientPermissionsError, MissingTokenError
from pico_fastapi import FastApiConfigurer
from pico_ioc import component
from pico_pydantic import ValidationFailedError
from pydantic import GetJsonSchemaHandler, RootModel, ValidationError
from pydantic_core import CoreSchema
from starlette.exceptions import HTTPException
from starlette.types import Scope

from ..context.request_id import current_request_id
from ..errors import (
    AlreadyExistsError,
    BatchRejectedError,
    BrokerUnavailableError,
    ConflictError,
    ConstraintViolationError,
    CursorMismatchError,
    DatabaseUnavailableError,
    DomainError,
    FeedUnavailableError,
    GoneError,
    IdempotencyInProgressError,
    IdempotencyKeyReusedError,
    InactiveCallerError,
    InsufficientStockError,
    InvalidCursorError,
    InvalidLinkError,
    IssuerUnavailableError,
    ItemFault,
    MailUnavailableError,
    MissingPermissionError,
    NotFoundError,
    OwnAccountError,
    PreconditionFailedError,
    RefusedLine,
    StaleStockError,
    StorageUnavailableError,
    TargetRefusedError,
)

MEDIA_TYPE = "application/problem+json"
REALM = "products-api"
MAX_ERRORS = 20
encode_json = json.JSONEncoder(separators=(",", ":")).encode  # to ASCII: UTF-8 cannot encode lone surrogates
KEY_OF_OBJECT = "[key]"
"""What pydantic adds to the place of a member whose name is wrong."""
MAX_ECHO = 200
"""The maximum number of characters of a client's own input (path, member name) that a problem repeats."""


@dataclass(frozen=True)
class ProblemType:
    """A kind of problem: the members that are the same in all its occurrences."""

    status: int
    code: str
    title: str

    @classmethod
    def of(cls, error: type[DomainError]) -> "ProblemType":
        return cls(error.status, error.code, error.title)


MALFORMED_REQUEST = ProblemType(400, "malformed_request", "Malformed request")
MALFORMED_BODY = ProblemType(400, "malformed_body", "Malformed request body")
INVALID_IDEMPOTENCY_KEY = ProblemType(400, "invalid_idempotency_key", "Invalid idempotency key")
IDEMPOTENCY_KEY_REQUIRED = ProblemType(400, "idempotency_key_required", "Idempotency key required")
MISSING_TOKEN = ProblemType(401, "missing_token", "Authentication required")
INVALID_TOKEN = ProblemType(401, "invalid_token", "Invalid token")
INSUFFICIENT_SCOPE = ProblemType(403, "insufficient_scope", "Permission denied")
ROUTE_NOT_FOUND = ProblemType(404, "route_not_found", "No such route")
METHOD_NOT_ALLOWED = ProblemType(405, "method_not_allowed", "Method not allowed")
BODY_TOO_LARGE = ProblemType(413, "body_too_large", "Request body too large")
URI_TOO_LONG = ProblemType(414, "uri_too_long", "Path and query too long")
UNSUPPORTED_MEDIA_TYPE = ProblemType(415, "unsupported_media_type", "Unsupported media type")
UNSUPPORTED_ENCODING = ProblemType(415, "unsupported_encoding", "Unsupported content encoding")
VALIDATION_FAILED = ProblemType(422, "validation_failed", "Validation failed")
NOT_READY = ProblemType(503, "not_ready", "Not ready")
HEADERS_TOO_LARGE = ProblemType(431, "headers_too_large", "Request headers too large")
INTERNAL_ERROR = ProblemType(500, "internal_error", "Internal server error")

CATALOGUE: tuple[ProblemType, ...] = (
    MALFORMED_REQUEST,
    MALFORMED_BODY,
    INVALID_IDEMPOTENCY_KEY,
    IDEMPOTENCY_KEY_REQUIRED,
    MISSING_TOKEN,
    INVALID_TOKEN,
    INSUFFICIENT_SCOPE,
    ProblemType.of(InactiveCallerError),
    ProblemType.of(InvalidLinkError),
    ROUTE_NOT_FOUND,
    ProblemType.of(NotFoundError),
    METHOD_NOT_ALLOWED,
    ProblemType.of(ConflictError),
    ProblemType.of(AlreadyExistsError),
    ProblemType.of(IdempotencyInProgressError),
    ProblemType.of(InsufficientStockError),
    ProblemType.of(OwnAccountError),
    ProblemType.of(GoneError),
    ProblemType.of(PreconditionFailedError),
    BODY_TOO_LARGE,
    URI_TOO_LONG,
    UNSUPPORTED_MEDIA_TYPE,
    UNSUPPORTED_ENCODING,
    VALIDATION_FAILED,
    ProblemType.of(BatchRejectedError),
    ProblemType.of(ConstraintViolationError),
    ProblemType.of(InvalidCursorError),
    ProblemType.of(CursorMismatchError),
    ProblemType.of(IdempotencyKeyReusedError),
    ProblemType.of(TargetRefusedError),
    HEADERS_TOO_LARGE,
    INTERNAL_ERROR,
    ProblemType.of(BrokerUnavailableError),
    ProblemType.of(DatabaseUnavailableError),
    ProblemType.of(FeedUnavailableError),
    ProblemType.of(IssuerUnavailableError),
    ProblemType.of(MailUnavailableError),
    ProblemType.of(StorageUnavailableError),
    NOT_READY,
)
"""Every kind of problem that the service itself answers with. The documentation has it as a table."""


PROBLEM_SCHEMA: dict[str, Any] = {
    "title": "Problem",
    "description": "RFC 9457; docs/errors.md lists the codes.",
    "type": "object",
    "required": ["type", "title", "status", "detail", "instance", "code", "request_id"],
    "properties": {
        "type": {"type": "string", "format": "uri"},
        "title": {"type": "string"},
        "status": {"type": "integer"},
        "detail": {"type": "string"},
        "instance": {"type": "string"},
        "code": {"type": "string"},
        "request_id": {"type": "string"},
        "errors": {
            "type": "array",
            "items": {
                "type": "object",
                "required": ["code", "message"],
                "properties": {
                    "pointer": {"type": "string", "description": "Where in the body, as #/member"},
                    "parameter": {"type": "string", "description": "The name of a query parameter or header"},
                    "code": {"type": "string"},
                    "message": {"type": "string"},
                    "available": {"type": "integer", "description": "The stock that there is"},
                },
            },
        },
    },
}


class Problem(RootModel[dict[str, Any]]):
    """A problem inside of another answer."""

    @classmethod
    def __get_pydantic_json_schema__(cls, _core: CoreSchema, _handler: GetJsonSchemaHandler) -> dict[str, Any]:
        return PROBLEM_SCHEMA


class FieldError(TypedDict, total=False):
    """One fault of a request, at a ``pointer`` into the body (RFC 6901, as a URI fragment) or at a ``parameter``."""

    pointer: str
    parameter: str
    code: str
    message: str
    available: int


class HttpProblem(HTTPException):
    """A problem that exists only over HTTP. Domain errors are in ``errors.py``."""

    def __init__(
        self,
        kind: ProblemType,
        detail: str,
        headers: Mapping[str, str] | None = None,
        errors: Sequence[FieldError] = (),
    ) -> None:
        super().__init__(kind.status, detail, headers)
        self.kind = kind
        self.errors = errors


def unauthenticated() -> HttpProblem:
    """Return the problem of a request without credentials: its challenge has no error code (RFC 6750 §3)."""
    challenge = {"WWW-Authenticate": f'Bearer realm="{REALM}"'}
    return HttpProblem(MISSING_TOKEN, "This resource needs a bearer token.", challenge)


def invalid_token(detail: str) -> HttpProblem:
    challenge = {"WWW-Authenticate": f'Bearer realm="{REALM}", error="invalid_token"'}
    return HttpProblem(INVALID_TOKEN, detail, challenge)


def forbidden(required: Sequence[str] = ()) -> HttpProblem:
    detail = f"This request needs one of: {', '.join(required)}." if required else "The caller may not do this."
    return HttpProblem(INSUFFICIENT_SCOPE, detail, forbidden_challenge(required))


def forbidden_challenge(required: Sequence[str] = ()) -> dict[str, str]:
    """Return the challenge header of a 403. RFC 6750 §3.1 defines one error code for it."""
    scope = f', scope="{" ".join(required)}"' if required else ""
    return {"WWW-Authenticate": f'Bearer realm="{REALM}", error="insufficient_scope"{scope}'}


def route_not_found() -> HttpProblem:
    return HttpProblem(ROUTE_NOT_FOUND, "There is no route for this path.")


def method_not_allowed(allowed: Sequence[str]) -> HttpProblem:
    return HttpProblem(METHOD_NOT_ALLOWED, "This path does not support the method.", {"Allow": ", ".join(allowed)})


def invalid_parameter(name: str, code: str, message: str) -> HttpProblem:
    error: FieldError = {"parameter": name[:MAX_ECHO], "code": code, "message": message}
    return HttpProblem(VALIDATION_FAILED, "The query parameters are not valid.", errors=[error])


def problem_of(error: Exception) -> HttpProblem:
    """Map an exception to its problem. An unexpected one becomes a 500 without details."""
    match error:
        case HttpProblem():
            return error
        case RequestValidationError():
            return invalid_request(error)
        case ValidationFailedError() if isinstance(error.pydantic_error, ValidationError):
            faults = error.pydantic_error.errors(include_url=False, include_context=False, include_input=False)
            errors = [field_error(("body", *fault["loc"]), fault["type"], fault["msg"]) for fault in faults]
            return HttpProblem(VALIDATION_FAILED, "The data violates the domain contract.", errors=errors[:MAX_ERRORS])
        case ConstraintViolationError():
            fault = field_error(("body", error.field or ""), error.constraint, "Violates a constraint of the database.")
            return HttpProblem(ProblemType.of(type(error)), str(error), errors=[fault])
        case AlreadyExistsError():
            fault = field_error(("body", error.field), error.code, str(error))
            return HttpProblem(ProblemType.of(type(error)), str(error), errors=[fault])
        case InvalidCursorError():
            fault = field_error(("query", error.parameter), error.code, str(error))
            return HttpProblem(ProblemType.of(type(error)), str(error), errors=[fault])
        case CursorMismatchError():
            reason = "The cursor was made for another value."
            errors = [field_error(("query", name), error.code, reason) for name in error.parameters]
            return HttpProblem(ProblemType.of(type(error)), str(error), errors=errors)
        case BatchRejectedError():
            errors = [found for fault in error.faults[:MAX_ERRORS] for found in item_problem(fault).errors]
            return HttpProblem(ProblemType.of(type(error)), str(error), errors=errors[:MAX_ERRORS])
        case InsufficientStockError() | StaleStockError():
            return HttpProblem(ProblemType.of(type(error)), str(error), errors=line_errors(error.code, error.lines))
        case MissingPermissionError():
            return forbidden([error.permission])
        case InactiveCallerError():
            return HttpProblem(ProblemType.of(type(error)), str(error), forbidden_challenge())
        case DomainError():
            headers = {"Retry-After": str(error.retry_after)} if error.retry_after else None
            return HttpProblem(ProblemType.of(type(error)), str(error), headers)
        case InsufficientPermissionsError():
            return forbidden()
        case MissingTokenError():
            return unauthenticated()
        case HTTPException():
            return framework_problem(error)
    return HttpProblem(INTERNAL_ERROR, "The server failed. Its log has the cause under the request id.")


def item_problem(fault: ItemFault) -> HttpProblem:
    """Return the problem of one item of a batch. Its pointers begin at the batch."""
    problem = problem_of(fault.error)
    place: FieldError = field_error(("body", *fault.place), problem.kind.code, problem.detail)
    found: list[FieldError] = [
        {**error, "pointer": place["pointer"] + error["pointer"].removeprefix("#")} for error in problem.errors
    ]
    return HttpProblem(problem.kind, problem.detail, errors=found or [place])


def line_errors(code: str, lines: Sequence[RefusedLine]) -> list[FieldError]:
    """Return the faults of the lines of an adjustment, all of them: there are few, and each has its number."""
    return [
        {**field_error(("body", *line.place), code, f"The stock is {line.available}."), "available": line.available}
        for line in lines
    ]


def invalid_request(error: RequestValidationError) -> HttpProblem:
    faults = error.errors()
    if any(fault["type"] == "json_invalid" for fault in faults):
        return HttpProblem(MALFORMED_BODY, "The request body is not valid JSON.")
    if isinstance(error.body, bytes):
        accepted = {"Accept": "application/json"}
        return HttpProblem(UNSUPPORTED_MEDIA_TYPE, "The request body must be application/json.", accepted)
    errors = [field_error(fault["loc"], fault["type"], fault["msg"]) for fault in faults[:MAX_ERRORS]]
    return HttpProblem(VALIDATION_FAILED, "The request is not valid.", errors=errors)


def framework_problem(error: HTTPException) -> HttpProblem:
    match error.status_code:
        case 400:
            return HttpProblem(MALFORMED_BODY, "The request body cannot be read.")
        case 404:
            return route_not_found()
        case 405:
            return method_not_allowed([(error.headers or {}).get("Allow", "")])
    kind = ProblemType(error.status_code, f"http_{error.status_code}", error.detail)
    return HttpProblem(kind, error.detail, error.headers)


def field_error(location: Sequence[Any], code: str, message: str) -> FieldError:
    place, *path = [str(part)[:MAX_ECHO] for part in location]
    if place != "body":
        return {"parameter": path[0] if path else place, "code": code, "message": message}
    path = [step for step in path if step and step != KEY_OF_OBJECT]
    steps = (quote(step.replace("~", "~0").replace("/", "~1"), errors="replace") for step in path)
    return {"pointer": "#" + "".join(f"/{step}" for step in steps), "code": code, "message": message}


def render(problem: HttpProblem, scope: Scope, request_id: str) -> Response:
    path = scope.get("root_path", "") + scope["path"].removeprefix(scope.get("root_path", ""))
    document = problem_members(problem, quote(path[:MAX_ECHO], errors="replace"), request_id)
    return Response(encode_json(document), problem.kind.status, problem.headers, MEDIA_TYPE)


def problem_members(problem: HttpProblem, instance: str, request_id: str) -> dict[str, Any]:
    document: dict[str, Any] = {
        "type": f"urn:products-api:problem:{problem.kind.code}",
        "title": problem.kind.title,
        "status": problem.kind.status,
        "detail": problem.detail,
        "instance": instance,
        "code": problem.kind.code,
        "request_id": request_id,
    }
    if problem.errors:
        document["errors"] = problem.errors
    return document


def example_of(kind: ProblemType) -> dict[str, Any]:
    """Return a problem for the OpenAPI document."""
    fault: FieldError = {"pointer": "#/price", "code": "number_type", "message": "Input should be a number"}
    problem = HttpProblem(kind, f"{kind.title}.", errors=[fault] if kind == VALIDATION_FAILED else [])
    return problem_members(problem, "/path/of/the/request", "fedbca89899aaf6a379af5ea09ffe545")


@component
class ProblemConfigurer(FastApiConfigurer):
    """Turn errors of the application into problems where Starlette handles them.

    So streams and middleware see a response. ``requests.py`` answers errors of the middleware itself.
    """

    def configure_app(self, app: FastAPI) -> None:
        kinds: tuple[type[Exception], ...] = (HTTPException, RequestValidationError, ValidationFailedError, DomainError)
        for kind in (*kinds, InsufficientPermissionsError, MissingTokenError):
            app.add_exception_handler(kind, answer)


async def answer(request: Request, error: Exception) -> Response:
    return render(problem_of(error), request.scope, current_request_id())
