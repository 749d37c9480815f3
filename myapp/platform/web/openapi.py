"""The OpenAPI document. It has the order of the controllers' source, and is the same in each process."""

from collections.abc import Mapping
from typing import Any

from fastapi import FastAPI
from fastapi.openapi.utils import get_openapi

from .docs_login import LOGIN
from .examples import add_examples
from .operations import POSITION
from .problems import PROBLEM_SCHEMA


def document(app: FastAPI, security_schemes: Mapping[str, Any]) -> dict[str, Any]:
    """Return the document of ``app``, which is made once. Groups have the order of ``app.openapi_tags``."""
    if app.openapi_schema is None:
        schema = get_openapi(
            title=app.title,
            version=app.version,
            description=app.description or None,
            tags=app.openapi_tags,
            routes=app.routes,
            webhooks=app.webhooks.routes,
        )
        schema["servers"] = servers(app.root_path)
        schema["paths"] = sort_paths(schema["paths"], [tag["name"] for tag in app.openapi_tags or ()])
        components = schema.setdefault("components", {})
        components.setdefault("schemas", {})["Problem"] = PROBLEM_SCHEMA
        if security_schemes:
            components["securitySchemes"] = dict(security_schemes)
        if LOGIN in security_schemes:
            for operation in operations(schema):
                if operation.get("security"):
                    operation["security"].append({LOGIN: []})
        add_examples(schema)
        app.openapi_schema = schema
    return app.openapi_schema


def servers(root_path: str) -> list[dict[str, str]]:
    """Return the server of the document.

    Its address is relative to that of the document, so it is right behind any proxy.
    """
    return [{"url": root_path or "/"}]


def sort_paths(paths: Mapping[str, Any], groups: list[str]) -> dict[str, Any]:
    """Sort operations by group, then by their place in the source. A path has the place of its first operation.

    pico-fastapi 0.4.4 registers controllers in the order of a set, and their methods by name.
    """

    def sort_key(operation: Mapping[str, Any]) -> tuple[int, Any]:
        group = next(iter(operation.get("tags", ())), "")
        return groups.index(group) if group in groups else len(groups), operation.get(POSITION, [])

    ordered = {path: dict(sorted(item.items(), key=lambda each: sort_key(each[1]))) for path, item in paths.items()}
    ordered = dict(sorted(ordered.items(), key=lambda each: sort_key(next(iter(each[1].values())))))
    for item in ordered.values():
        for operation in item.values():
            operation.pop(POSITION, None)
    return ordered


def with_login(schema: Mapping[str, Any], scheme: Mapping[str, Any] | None) -> dict[str, Any]:
    """Return a copy of the document for Swagger UI. Its login is ``scheme``; without one, it has no login."""
    schemes = {name: known for name, known in schema["components"].get("securitySchemes", {}).items() if name != LOGIN}
    if scheme:
        schemes = {LOGIN: dict(scheme), **schemes}
    paths = {
        path: {
            method: operation
            | (
                {"security": [rule for rule in operation["security"] if schemes.keys() >= rule.keys()]}
                if "security" in operation
                else {}
            )
            for method, operation in item.items()
        }
        for path, item in schema["paths"].items()
    }
    return {**schema, "paths": paths, "components": {**schema["components"], "securitySchemes": schemes}}


def operations(schema: Mapping[str, Any]) -> list[dict[str, Any]]:
    return [operation for item in schema["paths"].values() for operation in item.values()]
