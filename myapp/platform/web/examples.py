"""Give every body in the OpenAPI document an example, composed of the examples of its schemas.

A model has an example as a whole (``platform/examples.py``), or each of its fields has one (``Field(examples=[…])``).
"""

import json
from collections.abc import Iterator, Mapping
from typing import Any

from ..examples import EXAMPLE

ABSENT: Any = object()


def add_examples(schema: dict[str, Any]) -> None:
    """Complete a document of FastAPI. Examples that have a name, such as those of problems, become components."""
    components = schema["components"]
    for model in components["schemas"].values():
        if EXAMPLE in model:
            model["examples"] = [json.loads(model.pop(EXAMPLE))]
    shared: dict[str, Any] = {}
    for media_type in media_types(schema):
        if "examples" in media_type:
            shared |= media_type["examples"]
            media_type["examples"] = {name: reference(name) for name in media_type["examples"]}
        elif "example" not in media_type:
            found = example_of(media_type.get("schema", {}), components["schemas"])
            if found is not ABSENT:
                media_type["example"] = found
    if shared:
        components["examples"] = dict(sorted(shared.items()))


def media_types(schema: Mapping[str, Any]) -> Iterator[dict[str, Any]]:
    for item in (*schema["paths"].values(), *schema.get("webhooks", {}).values()):
        for operation in item.values():
            for body in (operation.get("requestBody", {}), *operation["responses"].values()):
                yield from body.get("content", {}).values()


def reference(name: str) -> dict[str, str]:
    return {"$ref": f"#/components/examples/{name}"}


def example_of(schema: Mapping[str, Any], models: Mapping[str, Any]) -> Any:
    """Return an example of ``schema``, or ABSENT if it has none. Of an object, only required members must have one."""
    match schema:
        case {"$ref": str(name)}:
            return example_of(models[name.rpartition("/")[2]], models)
        case {"examples": [first, *_]} | {"const": first}:
            return first
        case {"anyOf": choices}:
            found = (example_of(choice, models) for choice in choices)
            return next((each for each in found if each is not ABSENT), ABSENT)
        case {"type": "array", "items": item}:
            found = example_of(item, models)
            return found if found is ABSENT else [found]
        case {"type": "object", "properties": properties}:
            members = {name: example_of(member, models) for name, member in properties.items()}
            if any(members[name] is ABSENT for name in schema.get("required", ())):
                return ABSENT
            return {name: value for name, value in members.items() if value is not ABSENT}
    return ABSENT
