"""The section ``issuer``."""

from dataclasses import dataclass
from typing import Annotated
from urllib.parse import urlsplit

from pico_ioc import configured
from pydantic import AfterValidator, Field
from pydantic_core import PydanticCustomError

from myapp.platform.urls import base_url


def issuer_url(value: str) -> str:
    try:
        base_url(value)
    except ValueError as error:
        raise PydanticCustomError("issuer_url", "{reason}", {"reason": str(error)}) from None
    return value


@configured(target="self", prefix="issuer", mapping="tree")
@dataclass
class IssuerSettings:
    """``token_lifetime`` is in seconds."""

    url: Annotated[str, AfterValidator(issuer_url)] = "http://127.0.0.1:8100"
    audience: Annotated[str, Field(min_length=1)] = "products-api"
    token_lifetime: Annotated[int, Field(ge=1, le=86_400)] = 900

    @property
    def origin(self) -> str:
        parts = urlsplit(self.url)
        return f"{parts.scheme}://{parts.netloc}".lower()

    def url_of(self, path: str) -> str:
        """Return the absolute URL of a path of this server."""
        return self.url.rstrip("/") + path
