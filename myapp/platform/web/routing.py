"""The verbs of controllers: strict query parameters, serialisation, entity tags, documented routes.

pico-fastapi 0.4.4 serialises with ``json.dumps`` and ignores ``response_model``, summaries and docstrings. It also
sorts routes by method name; paths with ``{name:id}`` keep routes from shadowing each other.
"""

import functools
import inspect
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import pico_fastapi
from fastapi import Request, Response
from pydantic import TypeAdapter
from starlette.convertors import Convertor, register_url_convertor

from ..versions import entity_tag
from .idempotency import Idempotency, respond_once
from .operations import TAKES_BODY, TAKES_LARGE_BODY, WITH_LOCATION, Errors, describe, is_public
from .paging import page_content, page_links
from .preconditions import is_not_modified
from .query import QUERY_NAMES, query_names
from .serialization import to_json

Endpoint = Callable[..., Any]

HTTP_REQUEST = "http_request"

REVALIDATED = {"Cache-Control": "private, no-cache", "Vary": "Authorization"}
"""The caching of an answer with an entity tag: only the caller's own cache keeps it, and asks before each use.

Two users' answers of one URL, such as their profiles, can have the same tag. ``Vary`` keeps a browser that changes its
user from showing the first one to the second.
"""


class IdConvertor(Convertor[int]):
    """Match an integer id of at most ten digits."""

    regex = "[0-9]{1,10}"

    def convert(self, value: str) -> int:
        return int(value)

    def to_string(self, value: int) -> str:
        return str(value)


register_url_convertor("id", IdConvertor())


@dataclass(frozen=True)
class ResponseBuilder:
    """Turn the result of a controller's method into a response."""

    status_code: int
    adapter: TypeAdapter[Any] | None
    versioned: bool
    paged: bool

    def build(self, request: Request, result: Any, context: Any) -> Response:
        if isinstance(result, Response):
            return result
        headers: dict[str, str] = {}
        if self.versioned:
            headers |= {"ETag": entity_tag(result.version), **REVALIDATED}
            if request.method == "GET" and is_not_modified(request, result.version):
                return Response(status_code=304, headers=headers)
        if self.paged:
            headers["Link"] = page_links(request, result)
            result = page_content(result)
        if self.adapter is None:
            return Response(status_code=self.status_code, headers=headers)
        if self.status_code in WITH_LOCATION:
            headers["Location"] = f"{request.scope['root_path']}{route_path(request)}{result.id}"
        body = to_json(self.adapter, result, context)
        return Response(body, self.status_code, headers, media_type="application/json")


class Verb:
    """Register methods of controllers as routes for one HTTP method."""

    def __init__(self, register: Callable[..., Callable[[Endpoint], Endpoint]]) -> None:
        self._register = register
        self._is_read = register is pico_fastapi.get

    def __call__(
        self,
        path: str,
        *,
        response_model: Any = None,
        status_code: int = 200,
        versioned: bool = False,
        paged: bool = False,
        files: Sequence[str] = (),
        event_stream: bool = False,
        errors: Errors = (),
        idempotency: Idempotency = "optional",
        large_body: bool = False,
        **options: Any,
    ) -> Callable[[Endpoint], Endpoint]:
        """Register a controller's method as a route.

        The method returns None, a Response, or a value that ``response_model`` accepts (an entity, a list, a model).
        A ``versioned`` answer has the result's ``version`` as ``ETag``, and a GET supports ``If-None-Match``. An
        answer with status 201 or 202 has a ``Location``: the collection's path and the result's ``id``. A ``paged``
        method returns one of ``AnyPage``; the ``Link`` header has its neighbours. ``files`` are the media types of a
        method that returns a file as a Response. A method with ``event_stream`` may return a stream of server-sent
        events. ``large_body`` allows bodies up to ``web.max_bulk_body_bytes``. ``errors`` are the problems that only
        this route can answer with; the others are derived from its signature and its access rule. ``idempotency`` says
        whether callers of a write may send an ``Idempotency-Key``, or must; a public route has no caller and ignores
        it. If the controller has the attribute ``response_context``, validators of ``response_model`` can read it as
        their context.
        """
        builder = ResponseBuilder(status_code, response_model and TypeAdapter(response_model), versioned, paged)

        def decorate(method: Endpoint) -> Endpoint:
            signature = inspect.signature(method, eval_str=True)
            keyed = None if self._is_read or is_public(method) else idempotency
            described = describe(
                method,
                signature,
                status_code,
                errors,
                versioned=versioned,
                paged=paged,
                files=files,
                event_stream=event_stream,
                is_read=self._is_read,
                idempotency=keyed,
            )
            extra = described["openapi_extra"] | options.get("openapi_extra", {})
            given = {"status_code": status_code, "response_model": response_model, **options, "openapi_extra": extra}
            endpoint = endpoint_of(method, signature, builder, keyed)
            setattr(endpoint, TAKES_BODY, "body" in signature.parameters or "requestBody" in extra)
            setattr(endpoint, TAKES_LARGE_BODY, large_body)
            return self._register(path, **described | given)(endpoint)

        return decorate


def endpoint_of(
    method: Endpoint, signature: inspect.Signature, builder: ResponseBuilder, idempotency: Idempotency | None
) -> Endpoint:
    """Return ``method`` as an endpoint that builds the response. It keeps its access rule."""
    # FastAPI passes the request in one parameter: the method's own, if it has one.
    own_request = next((name for name, given in signature.parameters.items() if given.annotation is Request), None)

    @functools.wraps(method)
    async def endpoint(self: object, **arguments: Any) -> Response:
        request: Request = arguments[own_request] if own_request else arguments.pop(HTTP_REQUEST)

        async def respond() -> Response:
            result = await method(self, **arguments)
            return builder.build(request, result, getattr(self, "response_context", None))

        if idempotency:
            return await respond_once(request, respond, is_required=idempotency == "required")
        return await respond()

    setattr(endpoint, QUERY_NAMES, frozenset(query_names(signature)))
    request = inspect.Parameter(HTTP_REQUEST, inspect.Parameter.KEYWORD_ONLY, annotation=Request)
    # inspect, and so FastAPI, reads this attribute first (PEP 362); functions do not have it.
    endpoint.__signature__ = signature.replace(  # type: ignore[attr-defined]
        parameters=[*signature.parameters.values(), *([] if own_request else [request])]
    )
    return endpoint


def route_path(request: Request) -> str:
    path: str = request.scope["path"].removeprefix(request.scope["root_path"])
    return path if path.endswith("/") else path + "/"


get = Verb(pico_fastapi.get)
post = Verb(pico_fastapi.post)
put = Verb(pico_fastapi.put)
patch = Verb(pico_fastapi.patch)
delete = Verb(pico_fastapi.delete)
