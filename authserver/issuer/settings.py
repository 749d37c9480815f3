"""The section ``issuer``."""

from dataclasses import dataclass
from typing import Annotated
from urllib.parse import urlsplit

from pico_ioc import configured
from pydantic import AfterValidator, Field
from pydantic_core import PydanticCustomError


def http_url(value: str) -> str:
    parts = urlsplit(value)
    if parts.scheme not in ("http", "https") or not parts.hostname or parts.query or parts.fragment:
        raise PydanticCustomError("issuer_url", "must be an http or https URL without query and fragment")
    return value


@configured(target="self", prefix="issuer", mapping="tree")
@dataclass
class IssuerSettings:
    """``token_lifetime`` is in seconds."""

    url: Annotated[str, AfterValidator(http_url)] = "http://127.0.0.1:8100"
    audience: Annotated[str, Field(min_length=1)] = "products-api"
    token_lifetime: Annotated[int, Field(ge=1, le=86_400)] = 900

    @property
    def origin(self) -> str:
        parts = urlsplit(self.url)
        return f"{parts.scheme}://{parts.netloc}".lower()

    def url_of(self, path: str) -> str:
        """Return the absolute URL of a path of this server."""
        return self.url.rstrip("/") + path
