"""The verbs of controllers: strict query parameters, one serialisation, entity tags, a documented route.

pico-fastapi 0.4.4 serialises with ``json.dumps`` and ignores ``response_model``, summaries and docstrings, and orders
routes by method name; with ``{name:id}`` in a path no route can shadow another.
"""

import functools
import inspect
from collections.abc import Callable, Iterator, Sequence
from typing import Any, get_args
from urllib.parse import parse_qsl

import pico_fastapi
from fastapi import Request, Response, params
from pydantic import BaseModel, TypeAdapter
from starlette.convertors import Convertor, register_url_convertor

from .operations import WITH_LOCATION, Errors, describe
from .paging import page_content, page_links
from .preconditions import entity_tag, matches
from .problems import invalid_parameter

Endpoint = Callable[..., Any]

HTTP_REQUEST = "http_request"


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
        paged: bool = False,
        files: Sequence[str] = (),
        errors: Errors = (),
        **options: Any,
    ) -> Callable[[Endpoint], Endpoint]:
        """Register a controller's method as a route.

        The method returns what ``response_model`` can be made of (an entity, a list, a model), None or a Response.
        A ``versioned`` answer has an ``ETag`` of the result's ``version``; a GET of it knows ``If-None-Match``, and
        one with status 201 or 202 has the ``Location`` of the result's ``id`` below the collection. A ``paged`` method
        returns a ``Page``, which becomes a ``PageResponse`` with ``Link`` headers. ``files`` are the media types of
        the Response that a method returns itself. ``errors`` are the problems that only this route can answer with;
        the others are found from its signature and its access rule.
        """
        adapter = None if response_model is None else TypeAdapter(response_model)

        def decorate(method: Endpoint) -> Endpoint:
            signature = inspect.signature(method, eval_str=True)
            known = frozenset(query_names(signature))
            # FastAPI fills one parameter with the request: the method's own, if it has one.
            own = next((name for name, given in signature.parameters.items() if given.annotation is Request), None)

            @functools.wraps(method)  # keeps the access rule's markers
            async def endpoint(self: object, **arguments: Any) -> Response:
                http_request: Request = arguments[own] if own else arguments.pop(HTTP_REQUEST)
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
                if paged:
                    headers["Link"] = page_links(http_request, result)
                    result = page_content(result)
                if adapter is None:
                    return Response(status_code=status_code, headers=headers)
                if status_code in WITH_LOCATION:
                    headers["Location"] = f"{http_request.scope['root_path']}{route_path(http_request)}{result.id}"
                body = adapter.dump_json(adapter.validate_python(result, from_attributes=True), by_alias=True)
                return Response(body, status_code, headers, media_type="application/json")

            request = inspect.Parameter(HTTP_REQUEST, inspect.Parameter.KEYWORD_ONLY, annotation=Request)
            # Functions have none of their own; inspect, and so FastAPI, looks there first (PEP 362).
            endpoint.__signature__ = signature.replace(  # type: ignore[attr-defined]
                parameters=[*signature.parameters.values(), *([] if own else [request])]
            )
            is_read = register is pico_fastapi.get
            described = describe(
                method, signature, status_code, errors, versioned=versioned, paged=paged, files=files, is_read=is_read
            )
            given = {"status_code": status_code, "response_model": response_model, **options}
            return register(path, **described | given)(endpoint)

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
                model = get_args(parameter.annotation)[0]
                if isinstance(model, type) and issubclass(model, BaseModel):
                    yield from (field.alias or name for name, field in model.model_fields.items())
                else:
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
