"""Strict query strings: a request may have only the parameters of its route, each once."""

import inspect
from collections.abc import Iterator
from typing import get_args
from urllib.parse import parse_qsl

from fastapi import params
from pydantic import BaseModel, ConfigDict

from .problems import invalid_parameter

QUERY_NAMES = "_pico_query_names"
"""The marker of a controller's method: the names of all query parameters that it declares.

pico-fastapi copies attributes that begin with ``_pico_`` to the endpoint of the route.
"""


class QueryModel(BaseModel):
    """The query parameters of a route. A query with filters inherits from its filter first, from this class last.

    ``query_values`` refuses unknown parameters, so this model ignores them.
    """

    model_config = ConfigDict(extra="ignore")


def query_names(signature: inspect.Signature) -> Iterator[str]:
    """Yield the names of all query parameters that a controller's method declares."""
    for parameter in signature.parameters.values():
        for note in getattr(parameter.annotation, "__metadata__", ()):
            if isinstance(note, params.Query):
                model = get_args(parameter.annotation)[0]
                if isinstance(model, type) and issubclass(model, BaseModel):
                    yield from (field.alias or name for name, field in model.model_fields.items())
                else:
                    yield note.alias or parameter.name


def query_values(query_string: bytes, known: frozenset[str]) -> dict[str, str]:
    """Return the values of a query. Raise a 422 problem for a parameter that is not ``known``, or that is repeated.

    Otherwise a mistyped filter would return everything, and only one value of a repeated parameter would count.
    """
    values: dict[str, str] = {}
    for name, value in parse_qsl(query_string.decode("latin-1"), keep_blank_values=True, errors="replace"):
        if name not in known:
            raise invalid_parameter(name, "unknown_parameter", "This route has no such parameter.")
        if name in values:
            raise invalid_parameter(name, "repeated_parameter", "This parameter must not be repeated.")
        values[name] = value
    return values
