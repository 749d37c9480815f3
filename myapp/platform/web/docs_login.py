"""A port: how people log in at /docs."""

from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from pico_ioc import component

LOGIN = "login"
"""The name of the security scheme for the login of a person."""


@dataclass(frozen=True)
class SwaggerLogin:
    """How Swagger UI logs in: a security scheme, arguments of ``initOAuth``, and the origin that gives tokens."""

    scheme: Mapping[str, Any]
    options: Mapping[str, Any]
    token_origin: str


class DocsLogin(ABC):
    """Exactly one component implements it."""

    schemes: Mapping[str, Any]
    """The OpenAPI security schemes of the service. They depend only on settings."""

    @abstractmethod
    async def swagger(self, page_host: str | None) -> SwaggerLogin | None:
        """Return how Swagger UI logs in on a page of ``page_host``. Return None if it cannot log in."""


@component(on_missing_selector=DocsLogin)
class NoLogin(DocsLogin):
    """For an application without protected routes."""

    schemes: Mapping[str, Any] = {}

    async def swagger(self, page_host: str | None) -> None:
        return None
