"""Call the route that was found for a request.

A controller's method whose parameters all come from the path and the query is called at once. FastAPI 0.165 would read
the body, solve dependencies, and open two exit stacks for it. In process, a health check takes 25 µs instead of 84.
"""

import inspect
from collections.abc import Callable
from typing import Any, get_args

from fastapi import Request, params
from fastapi.exceptions import RequestValidationError
from fastapi.middleware.asyncexitstack import AsyncExitStackMiddleware
from pydantic import BaseModel, TypeAdapter, ValidationError, create_model
from starlette.convertors import Convertor
from starlette.routing import Route
from starlette.types import ASGIApp, Receive, Scope, Send

from .query import QUERY_NAMES, query_values

Arguments = dict[str, Any]
ReadArguments = Callable[[Request], Arguments]


def application_of(route: Route) -> ASGIApp:
    """Return the ASGI application that serves requests of ``route``."""
    known = getattr(route.endpoint, QUERY_NAMES, None)
    parameters = list(inspect.signature(route.endpoint).parameters.values())
    is_solved = getattr(route, "dependencies", ())  # of the route or of its controller
    if known is not None and not is_solved and (read := reader_of(parameters, route.param_convertors, known)):
        return direct(route.endpoint, read)
    return with_known_query(route, AsyncExitStackMiddleware(route.app))


def with_known_query(route: Route, app: ASGIApp) -> ASGIApp:
    """Return ``app`` for ``route``, with a check of the query in front if a controller's method declares its names."""
    known: frozenset[str] | None = getattr(route.endpoint, QUERY_NAMES, None)
    if known is None:
        return app

    async def checked(scope: Scope, receive: Receive, send: Send) -> None:
        if scope["query_string"]:
            query_values(scope["query_string"], known)
        await app(scope, receive, send)

    return checked


def direct(endpoint: Callable[..., Any], read: ReadArguments) -> ASGIApp:
    """Return an application that calls ``endpoint`` at once. pico-fastapi's endpoints return a Response."""

    async def application(scope: Scope, receive: Receive, send: Send) -> None:
        response = await endpoint(**read(Request(scope, receive)))
        await response(scope, receive, send)

    return application


def reader_of(
    parameters: list[inspect.Parameter], convertors: dict[str, Convertor[Any]], known: frozenset[str]
) -> ReadArguments | None:
    """Return what reads the arguments of a request, or None if FastAPI must solve one of them."""
    request_name = ""
    in_query: list[inspect.Parameter] = []
    for parameter in parameters:
        if parameter.annotation is Request:
            request_name = parameter.name
        elif any(isinstance(note, params.Query) for note in getattr(parameter.annotation, "__metadata__", ())):
            in_query.append(parameter)
        elif not (parameter.name in convertors and converts_to(convertors[parameter.name], parameter.annotation)):
            return None
    if len(in_query) > 1 and any(is_model(parameter) for parameter in in_query):
        return None
    read_query = query_reader(in_query)

    def read(request: Request) -> Arguments:
        scope = request.scope
        values = query_values(scope["query_string"], known) if scope["query_string"] else {}
        return {request_name: request, **scope["path_params"], **read_query(values)}

    return read


def converts_to(convertor: Convertor[Any], annotation: Any) -> bool:
    """Return whether the values of ``convertor`` need no validation, because they are what the method declares."""
    return bool(inspect.signature(convertor.convert, eval_str=True).return_annotation == annotation)


def query_reader(parameters: list[inspect.Parameter]) -> Callable[[dict[str, str]], Arguments]:
    """Return what validates the parameters of a query: those of one model, or single ones."""
    if not parameters:
        return lambda _values: {}
    if is_model(parameters[0]):
        name = parameters[0].name
        validate = validator_of(get_args(parameters[0].annotation)[0])
        return lambda values: {name: validate(values)}
    fields: dict[str, Any] = {
        parameter.name: (parameter.annotation, ... if parameter.default is parameter.empty else parameter.default)
        for parameter in parameters
    }
    validate_fields = validator_of(create_model("Query", **fields))
    return lambda values: dict(validate_fields(values))


def is_model(parameter: inspect.Parameter) -> bool:
    annotated = get_args(parameter.annotation)[0]
    return isinstance(annotated, type) and issubclass(annotated, BaseModel)


def validator_of(model: type[BaseModel]) -> Callable[[dict[str, str]], Any]:
    adapter = TypeAdapter(model)

    def validate(values: dict[str, str]) -> Any:
        try:
            return adapter.validate_python(values)
        except ValidationError as error:
            faults = [fault | {"loc": ("query", *fault["loc"])} for fault in error.errors(include_url=False)]
            raise RequestValidationError(faults) from error

    return validate
