"""The verbs of controllers: strict query parameters, one serialisation, entity tags, documented problems.

pico-fastapi 0.4.4 serialises with ``json.dumps`` and ignores ``response_model``, summaries and docstrings, and orders
routes by method name; with ``{name:id}`` in a path no route can shadow another.
"""

import functools
import inspect
from collections.abc import Callable, Iterator, Sequence
from typing import Any
from urllib.parse import parse_qsl

import pico_fastapi
from fastapi import Request, Response, params
from pico_client_auth.decorators import PICO_ALLOW_ANONYMOUS, PICO_REQUIRED_ROLES
from pydantic import TypeAdapter
from starlette.convertors import Convertor, register_url_convertor

from ..errors import DatabaseUnavailableError, DomainError, IssuerUnavailableError
from . import problems
from .preconditions import entity_tag, matches
from .problems import ProblemType, invalid_parameter

Endpoint = Callable[..., Any]

IF_NONE_MATCH = {
    "name": "if-none-match",
    "in": "header",
    "schema": {"type": "string"},
    "description": 'Answer 304 to a resource with one of these entity tags, such as `"3"`; `*` is any.',
}


class IdConvertor(Convertor[int]):
    """A path segment that may be an integer id: ten digits at most, so that nothing else even matches."""

    regex = "[0-9]{1,10}"

    def convert(self, value: str) -> int:
        return int(value)

    def to_string(self, value: int) -> str:
        return str(value)


register_url_convertor("id", IdConvertor())


def _verb(register: Callable[..., Callable[[Endpoint], Endpoint]]) -> Callable[..., Callable[[Endpoint], Endpoint]]:
    def verb(
        path: str,
        *,
        response_model: Any = None,
        status_code: int = 200,
        versioned: bool = False,
        errors: Sequence[type[DomainError] | ProblemType] = (),
        **options: Any,
    ) -> Callable[[Endpoint], Endpoint]:
        """Register a controller's method as a route.

        The method returns what ``response_model`` can be made of (an entity, a list, a model), None or a Response.
        A ``versioned`` answer has an ``ETag`` of the result's ``version``; a GET of it knows ``If-None-Match``, and
        one with status 201 has the ``Location`` of the result's ``id`` below the collection. ``errors`` are the
        problems that only this route can answer with; the others are found from its signature and its access rule.
        """
        adapter = None if response_model is None else TypeAdapter(response_model)

        def decorate(method: Endpoint) -> Endpoint:
            signature = inspect.signature(method, eval_str=True)
            known = frozenset(query_names(signature))

            @functools.wraps(method)  # keeps the access rule's markers
            async def endpoint(self: object, http_request: Request, **arguments: Any) -> Response:
                if http_request.scope["query_string"]:
                    check_query(http_request.scope["query_string"], known)
                result = await method(self, **arguments)
                if isinstance(result, Response):
                    return result
                headers: dict[str, str] = {}
                if versioned:
                    headers["ETag"] = entity_tag(result.version)
                    if http_request.method == "GET" and matches(http_request, result.version):
                        return Response(status_code=304, headers=headers)
                if adapter is None:
                    return Response(status_code=status_code, headers=headers)
                if status_code == 201:
                    headers["Location"] = f"{http_request.scope['root_path']}{route_path(http_request)}{result.id}"
                body = adapter.dump_json(adapter.validate_python(result, from_attributes=True), by_alias=True)
                return Response(body, status_code, headers, media_type="application/json")

            request = inspect.Parameter("http_request", inspect.Parameter.KEYWORD_ONLY, annotation=Request)
            endpoint.__signature__ = signature.replace(  # type: ignore[attr-defined]
                parameters=[*signature.parameters.values(), request]
            )
            options.setdefault("summary", method.__name__.replace("_", " ").capitalize())
            options.setdefault("description", description(method))
            options.setdefault("operation_id", method.__name__)
            is_read = register is pico_fastapi.get
            options.setdefault("responses", {}).update(responses(method, signature, errors, is_read))
            if versioned:
                options["responses"] |= versioned_responses(status_code, is_read)
            if versioned and is_read:
                options.setdefault("openapi_extra", {})["parameters"] = [IF_NONE_MATCH]
            if not is_public(method):
                options.setdefault("openapi_extra", {})["security"] = [{"bearer": []}]
            if response_model is not None:
                options["response_model"] = response_model
            return register(path, status_code=status_code, **options)(endpoint)

        return decorate

    return verb


get = _verb(pico_fastapi.get)
post = _verb(pico_fastapi.post)
put = _verb(pico_fastapi.put)
patch = _verb(pico_fastapi.patch)
delete = _verb(pico_fastapi.delete)


def query_names(signature: inspect.Signature) -> Iterator[str]:
    for parameter in signature.parameters.values():
        for note in getattr(parameter.annotation, "__metadata__", ()):
            if isinstance(note, params.Query):
                yield note.alias or parameter.name


def check_query(query_string: bytes, known: frozenset[str]) -> None:
    """Raises a 422 problem: a mistyped filter must not return everything, nor a repeated one something."""
    seen: set[str] = set()
    for name, _ in parse_qsl(query_string.decode("latin-1"), keep_blank_values=True, errors="replace"):
        if name not in known:
            raise invalid_parameter(name, "unknown_parameter", "This parameter is not known.")
        if name in seen:
            raise invalid_parameter(name, "repeated_parameter", "This parameter may be given once.")
        seen.add(name)


def route_path(request: Request) -> str:
    path: str = request.scope["path"].removeprefix(request.scope["root_path"])
    return path if path.endswith("/") else path + "/"


def is_public(method: Endpoint) -> bool:
    return bool(getattr(method, PICO_ALLOW_ANONYMOUS, False))


def description(method: Endpoint) -> str:
    text = inspect.getdoc(method) or ""
    if required := getattr(method, PICO_REQUIRED_ROLES, None):
        text += f"\n\nNeeds `{'` or `'.join(sorted(required))}`."
    elif not is_public(method):
        text += "\n\nNeeds a valid token."
    return text.strip()


def versioned_responses(status_code: int, is_read: bool) -> dict[int | str, dict[str, Any]]:
    """OpenAPI's entries of the answers that have an entity tag."""
    text = {"schema": {"type": "string"}}
    headers = {"ETag": text, "Location": text} if status_code == 201 else {"ETag": text}
    entries: dict[int | str, dict[str, Any]] = {status_code: {"headers": headers}}
    if is_read:
        entries[304] = {"description": "Still in a version that `If-None-Match` names", "headers": headers}
    return entries


def responses(
    method: Endpoint, signature: inspect.Signature, errors: Sequence[type[DomainError] | ProblemType], is_read: bool
) -> dict[int | str, dict[str, Any]]:
    """OpenAPI's entries of every problem that a route can answer with."""
    kinds = [kind if isinstance(kind, ProblemType) else ProblemType.of(kind) for kind in errors]
    kinds += [problems.VALIDATION_FAILED, problems.INTERNAL_ERROR]
    if not is_public(method):
        kinds += [problems.MISSING_TOKEN, problems.INVALID_TOKEN, ProblemType.of(IssuerUnavailableError)]
        kinds += [ProblemType.of(DatabaseUnavailableError)]
    if getattr(method, PICO_REQUIRED_ROLES, None):
        kinds.append(problems.INSUFFICIENT_SCOPE)
    if not is_read:
        kinds.append(problems.BODY_TOO_LARGE)
    if "body" in signature.parameters:
        kinds += [problems.MALFORMED_BODY, problems.UNSUPPORTED_MEDIA_TYPE]
    entries: dict[int | str, dict[str, Any]] = {}
    schema = {problems.MEDIA_TYPE: {"schema": {"$ref": "#/components/schemas/Problem"}}}
    for status in sorted({kind.status for kind in kinds}):
        codes = sorted({f"`{kind.code}`" for kind in kinds if kind.status == status})
        entries[status] = {"description": ", ".join(codes), "content": schema}
    return entries
