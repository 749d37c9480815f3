"""The port that tells how people log in at /docs."""

from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from pico_ioc import component

LOGIN = "login"
"""The name of the security scheme by which a person logs in."""


@dataclass(frozen=True)
class SwaggerLogin:
    """How Swagger UI logs in: an OpenAPI security scheme, arguments of its ``initOAuth``, and the origin it asks."""

    scheme: Mapping[str, Any]
    options: Mapping[str, Any]
    token_origin: str


class DocsLogin(ABC):
    """One component implements it."""

    schemes: Mapping[str, Any]
    """The OpenAPI security schemes of the service. They depend on settings only."""

    @abstractmethod
    async def swagger(self) -> SwaggerLogin | None:
        """Return how Swagger UI logs in, or None while the issuer does not say."""


@component(on_missing_selector=DocsLogin)
class NoLogin(DocsLogin):
    """For an application without protected routes."""

    schemes: Mapping[str, Any] = {}

    async def swagger(self) -> None:
        return None
