"""Examples of models, for the OpenAPI document."""

import json
from typing import Any

EXAMPLE = "x-example"
"""The key of an example in the schema of a model. ``web/openapi.py`` replaces it by ``examples``."""


def example(value: Any) -> dict[str, Any]:
    """Return the ``json_schema_extra`` of a model whose example is ``value``.

    It is kept as text, because FastAPI 0.165 removes each member that is null from the document.
    """
    return {EXAMPLE: json.dumps(value)}
